import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { type Origin, type OriginOptions, startOrigin } from '../origin.ts';
import { requestOnce } from '../request-once.ts';
import type { Workspace } from '../workspace.ts';

export type CountingOrigin = Origin & {
  /** Body bytes of the storage in all requests that have ended, by its own log. */
  sentBytes: () => number;
  /** The same once nothing has been under way for a while. */
  settledBytes: () => Promise<number>;
};

/** Longer than a proxy waits for somebody to want the rest of a blob after all. */
const QUIET_MS = 3_000;
const POLL_INTERVAL_MS = 100;
const SETTLE_TIMEOUT_MS = 120_000;

/** An origin whose storage writes down what it sends. */
export async function startCountingOrigin(
  workspace: Workspace,
  options: Omit<OriginOptions, 'sentLog'> = {},
): Promise<CountingOrigin> {
  const log = join(workspace.directory, `${workspace.uniqueName('sent')}.log`);
  const origin = await startOrigin(workspace, { ...options, sentLog: log });
  // "Writing" counts connections that are being answered, this question's own among them.
  const scheme = options.tls === undefined ? 'http' : 'https';
  const busy = async (): Promise<boolean> => {
    const { body } = await requestOnce(`${scheme}://127.0.0.1:${origin.registryPort}/status`);
    return Number(/Writing: (\d+)/.exec(body)?.[1]) > 1;
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
  return { ...origin, sentBytes, settledBytes };
}
