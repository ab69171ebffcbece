import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { startNginx } from '../nginx.ts';
import { freePort, type ServerProcess } from '../server-process.ts';
import type { Workspace } from '../workspace.ts';

export type CountingOrigin = ServerProcess & {
  storagePort: number;
  registryPort: number;
  /** Body bytes of the storage in all requests that have ended, by its own log. */
  sentBytes: () => number;
  /** The same once nothing has been under way for a while. */
  settledBytes: () => Promise<number>;
};

/** Longer than a proxy waits for somebody to want the rest of a blob after all. */
const QUIET_MS = 3_000;
const POLL_INTERVAL_MS = 100;
const SETTLE_TIMEOUT_MS = 120_000;

/** Registry and storage as `startOrigin`'s, but the storage writes down what it sends; `bytesPerSecond` of one connection. */
export async function startCountingOrigin(
  workspace: Workspace,
  bytesPerSecond?: number,
): Promise<CountingOrigin> {
  const [storagePort, registryPort] = [await freePort(), await freePort()];
  const name = workspace.uniqueName('origin');
  const log = join(workspace.directory, `${name}-sent.log`);
  const server = await startNginx(
    workspace,
    name,
    storagePort,
    `log_format sent '$body_bytes_sent';
    server {
      listen 127.0.0.1:${storagePort};
      root ${workspace.originDirectory};
      access_log ${log} sent;
      ${bytesPerSecond === undefined ? '' : `limit_rate ${bytesPerSecond};`}
    }
    server {
      listen 127.0.0.1:${registryPort};
      location = /status { stub_status; }
      location = /v2/ { return 200 '{}'; }
      location /v2/ { return 307 http://127.0.0.1:${storagePort}$uri?sig=signature; }
    }`,
  );
  // "Writing" counts connections that are being answered, this question's own among them.
  const busy = async (): Promise<boolean> => {
    const status = await (await fetch(`http://127.0.0.1:${registryPort}/status`)).text();
    return Number(/Writing: (\d+)/.exec(status)?.[1]) > 1;
  };
  const read = (): string => (existsSync(log) ? readFileSync(log, 'utf8') : '');
  const sentBytes = (): number =>
    read()
      .split('\n')
      .reduce((total, line) => total + Number(line), 0);
  const settledBytes = async (): Promise<number> => {
    const deadline = Date.now() + SETTLE_TIMEOUT_MS;
    let [quietSince, seen] = [Date.now(), read()];
    while (Date.now() - quietSince < QUIET_MS) {
      if (Date.now() > deadline) throw new Error('the origin does not come to rest');
      await delay(POLL_INTERVAL_MS);
      const now = read();
      if (now !== seen || (await busy())) [quietSince, seen] = [Date.now(), now];
    }
    return sentBytes();
  };
  return { ...server, storagePort, registryPort, sentBytes, settledBytes };
}
