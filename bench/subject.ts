import { startBerth } from './berth.ts';
import type { Target } from './download.ts';
import { type Origin, startNginxProxy, type Tuning } from './nginx.ts';
import type { ServerProcess } from './server-process.ts';
import type { Blob, Workspace } from './workspace.ts';

/** One row of the table: a way of getting the blob through a running proxy. */
export type Subject = {
  name: string;
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

/** Starts nginx in each tuning and one Berth. */
export async function openStand(workspace: Workspace, origin: Origin, blob: Blob): Promise<Stand> {
  const servers: ServerProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  const { path } = blob;
  const whole = (url: string): Target => ({ url: `${url}${path}`, firstPos: 0 });
  const allButOneByte = (url: string): Target => ({ ...whole(url), firstPos: 1 });
  const nginx = async (name: string, tuning: Tuning, measuredSlow: boolean): Promise<Subject> => {
    const server = await startNginxProxy(workspace, tuning, origin.storagePort);
    servers.push(server);
    return { name, server, target: whole(`http://127.0.0.1:${server.port}`), measuredSlow };
  };
  try {
    const subjects = [
      await nginx(BASELINE, 'memory', true),
      // Not with slow clients: it would spool the blob once per client, and that into the memory of the machine.
      await nginx('nginx, 16×64k buffers, temporary file as by default', 'spool', false),
      await nginx('nginx, proxy_buffering off, default buffers', 'unbuffered', true),
    ];
    const berth = await startBerth(workspace, origin);
    servers.push(berth);
    subjects.push(
      { name: VERIFICATION.on, server: berth, target: whole(berth.inline), measuredSlow: true },
      {
        name: VERIFICATION.off,
        server: berth,
        target: allButOneByte(berth.inline),
        measuredSlow: false,
      },
      {
        name: 'Berth, dedicated, verified',
        server: berth,
        target: whole(berth.dedicated),
        measuredSlow: false,
      },
    );
    return { stop, subjects };
  } catch (error) {
    await stop();
    throw error;
  }
}
