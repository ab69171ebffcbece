import { startBerth } from './berth.ts';
import type { Target } from './download.ts';
import { type Origin, startNginxProxy } from './nginx.ts';
import type { ServerProcess } from './server-process.ts';
import type { Workspace } from './workspace.ts';

/** One row of the table: a way of getting the blob through a running proxy. */
export type Subject = {
  name: string;
  server: ServerProcess;
  target: Target;
  /** Also measured with slow clients, which follow no redirect. */
  measuredSlow: boolean;
};

export const NGINX_TUNED = 'nginx, proxy_buffering on, 16×64k buffers';

/** The proxies that stand in front of one origin, and the rows they make. */
export type Stand = { subjects: Subject[]; stop: () => Promise<void> };

/** Starts nginx in both tunings and one Berth. */
export async function openStand(workspace: Workspace, origin: Origin): Promise<Stand> {
  const servers: ServerProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    const buffered = await startNginxProxy(workspace, 'buffered', origin.storagePort);
    servers.push(buffered);
    const unbuffered = await startNginxProxy(workspace, 'unbuffered', origin.storagePort);
    servers.push(unbuffered);
    const berth = await startBerth(workspace, origin);
    servers.push(berth);
    const { path } = workspace.blob;
    const whole = (url: string): Target => ({ url: `${url}${path}`, headers: [], status: 200 });
    const ranged = (url: string): Target => ({
      url: `${url}${path}`,
      headers: ['Range: bytes=0-'],
      status: 206,
    });
    return {
      stop,
      subjects: [
        {
          name: NGINX_TUNED,
          server: buffered,
          target: whole(`http://127.0.0.1:${buffered.port}`),
          measuredSlow: true,
        },
        {
          name: 'nginx, proxy_buffering off, default buffers',
          server: unbuffered,
          target: whole(`http://127.0.0.1:${unbuffered.port}`),
          measuredSlow: true,
        },
        { name: 'Berth, inline, verified', server: berth, target: whole(berth.inline), measuredSlow: true },
        {
          name: 'Berth, inline, not verified (ranged)',
          server: berth,
          target: ranged(berth.inline),
          measuredSlow: false,
        },
        {
          name: 'Berth, dedicated, verified',
          server: berth,
          target: whole(berth.dedicated),
          measuredSlow: false,
        },
      ],
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
