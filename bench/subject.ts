import { startBerth } from './berth.ts';
import { startVarnish } from './cold/varnish.ts';
import type { Target } from './download.ts';
import { startHaproxy } from './haproxy.ts';
import { startNginxProxy, type Tuning } from './nginx.ts';
import type { Origin } from './origin.ts';
import type { ServerProcess } from './server-process.ts';
import type { Blob, Workspace } from './workspace.ts';

/** One row of the table: a way of getting the blob through a running proxy. */
export type Subject = {
  name: string;
  /** Not Berth. */
  peer: boolean;
  server: ServerProcess;
  target: Target;
  /** Also measured with slow clients, which follow no redirect. */
  measuredSlow: boolean;
};

export const BASELINE = 'nginx, 16×64k buffers, no temporary file';

/** Two rows that differ in verification alone. */
export const VERIFICATION = { on: 'Berth, inline, verified', off: 'Berth, inline, not verified' };

/** The proxies that stand in front of one origin, and the rows they make. */
export type Stand = { subjects: Subject[]; stop: () => Promise<void> };

/**
 * Starts every proxy that streams, with TLS on both sides where the origin has it. Without, nginx comes in each of its tunings,
 * and Varnish as well, which has no TLS.
 */
export async function openStand(workspace: Workspace, origin: Origin, blob: Blob): Promise<Stand> {
  const { tls } = origin;
  const servers: ServerProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  const { path } = blob;
  const whole = (url: string): Target => ({ url: `${url}${path}`, firstPos: 0 });
  const allButOneByte = (url: string): Target => ({ ...whole(url), firstPos: 1 });
  const peer = (name: string, server: ServerProcess & { port: number }, measuredSlow = false): Subject => {
    servers.push(server);
    const base = `${tls === undefined ? 'http' : 'https'}://localhost:${server.port}`;
    return { name, peer: true, server, target: whole(base), measuredSlow };
  };
  const nginx = (tuning: Tuning) => startNginxProxy(workspace, tuning, origin);
  try {
    const subjects = [peer(BASELINE, await nginx('memory'), true)];
    if (tls === undefined) {
      subjects.push(
        // Not with slow clients: it would spool the blob once per client, and that into the memory of the machine.
        peer('nginx, 16×64k buffers, temporary file as by default', await nginx('spool')),
        peer('nginx, proxy_buffering off, default buffers', await nginx('unbuffered'), true),
        peer('Varnish, pass', await startVarnish(workspace, origin.storagePort, 'pass')),
      );
    }
    const haproxy = await startHaproxy(workspace, { upstreamPort: origin.storagePort, tls });
    subjects.push(peer(tls === undefined ? 'HAProxy, spliced within the kernel' : 'HAProxy', haproxy, true));
    const berth = await startBerth(workspace, origin, tls === undefined ? {} : { tls });
    servers.push(berth);
    const own = (name: string, target: Target, measuredSlow = false): Subject => ({
      name,
      peer: false,
      server: berth,
      target,
      measuredSlow,
    });
    subjects.push(
      own(VERIFICATION.on, whole(berth.inline), true),
      own(VERIFICATION.off, allButOneByte(berth.inline)),
      own('Berth, dedicated, verified', whole(berth.dedicated)),
    );
    return { stop, subjects };
  } catch (error) {
    await stop();
    throw error;
  }
}
