import { createHash } from 'node:crypto';
import type { Metrics, StateOperation, StateResult } from '../../metrics/metrics.ts';
import type { Log } from '../log.ts';

/** One command, its answer as Redis gave it. */
export type SendCommand = (args: readonly string[]) => Promise<unknown>;

/** A connection that has been opened and authenticated. */
export type RedisClient = {
  readonly send: SendCommand;
  /** Ends it now; what waits for an answer gets none. */
  destroy(): void;
};

/**
 * Opens one connection. `onLost` is told once, when it has ended by itself, with a reason that holds no secret.
 * @throws Error whose message is for the operator
 */
export type ConnectRedis = (onLost: (reason: string) => void) => Promise<RedisClient>;

export type RedisConnection = {
  /**
   * The answer, or undefined where there is none within the deadline; never rejects. Where the last command was not answered in
   * time nothing is asked until the connection has been made anew: a Redis that hangs costs one wait, not one for each request.
   */
  run(operation: StateOperation, args: readonly string[]): Promise<unknown>;
  /** The same for a script, which is sent whole only where Redis does not know it. */
  runScript(
    operation: StateOperation,
    script: string,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown>;
  close(): Promise<void>;
};

export type RedisConnectionDeps = {
  readonly connect: ConnectRedis;
  /** Milliseconds that a request waits for an answer. */
  readonly timeoutMs: number;
  readonly metrics: Pick<Metrics, 'stateOperations' | 'stateAvailable'>;
  readonly log: Log;
};

/** Milliseconds to the first attempt to connect again; doubled up to the longest, with half of it left to chance. */
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5_000;

export function createRedisConnection(deps: RedisConnectionDeps): RedisConnection {
  const { connect, timeoutMs, metrics, log } = deps;
  let client: RedisClient | undefined;
  let isClosed = false;
  let isSaid = false;
  let retryMs = FIRST_RETRY_MS;
  let retry: NodeJS.Timeout | undefined;
  let saidFailure: string | undefined;
  const forgetMetric = metrics.stateAvailable.collect(() => [[{}, client === undefined ? 0 : 1]]);
  let connecting = open();

  async function open(): Promise<void> {
    let opened: RedisClient | undefined;
    let lostBy: string | undefined;
    try {
      opened = await connect((reason) => {
        lostBy ??= reason;
        if (opened !== undefined && client === opened) lost(reason);
      });
      if (isClosed || lostBy !== undefined) {
        opened.destroy();
        if (!isClosed) later(lostBy ?? '');
        return;
      }
      client = opened;
      saidFailure = undefined;
      if (!isSaid) log.info({}, 'the shared state is there');
    } catch (error) {
      if (!isClosed) later(error instanceof Error ? error.message : 'unknown error');
    }
  }

  function lost(reason: string): void {
    client?.destroy();
    client = undefined;
    if (!isClosed) later(reason);
  }

  /** Says so once, however long it lasts. */
  function later(reason: string): void {
    if (!isSaid) log.warn({ reason }, 'the shared state can not be reached: this instance works by itself');
    isSaid = true;
    retry = setTimeout(
      () => {
        connecting = open();
      },
      retryMs / 2 + (Math.random() * retryMs) / 2,
    );
    retry.unref();
    retryMs = Math.min(LONGEST_RETRY_MS, retryMs * 2);
  }

  /** @throws what `act` throws */
  async function ask<T>(
    operation: StateOperation,
    act: (send: SendCommand) => Promise<T>,
  ): Promise<T | undefined> {
    const used = client;
    const count = (result: StateResult): void => metrics.stateOperations.inc({ operation, result });
    if (used === undefined) {
      count('unavailable');
      return undefined;
    }
    const { promise: deadline, resolve } = Promise.withResolvers<'late'>();
    // Of a process that stood still an answer may lie unread: what has come counts first.
    const timer = setTimeout(() => setImmediate(resolve, 'late'), timeoutMs);
    const answered = act(used.send);
    try {
      const answer = await Promise.race([answered, deadline]);
      if (answer !== 'late') {
        count('ok');
        if (operation !== 'read') answeredInTime();
        return answer;
      }
      answered.catch(() => undefined);
      count('timeout');
      if (client === used) lost(`no answer within ${timeoutMs} ms`);
      return undefined;
    } catch (error) {
      count('failed');
      failed(error, used);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Only now it is well again: one that lets itself be connected to and then answers nobody would have each of ever new
   * connections cost somebody the deadline, and be said to be there and away again each time. A replica answers reads, too.
   */
  function answeredInTime(): void {
    retryMs = FIRST_RETRY_MS;
    if (isSaid) log.info({}, 'the shared state is there again');
    isSaid = false;
  }

  /** Redis answers, but not with what was asked for: full, read-only, not permitted. */
  function failed(error: unknown, used: RedisClient): void {
    const reason = error instanceof Error ? error.message.slice(0, 200) : 'unknown error';
    if (isReplica(reason)) {
      if (client === used) lost(reason);
      return;
    }
    const kind = reason.split(' ', 1)[0] ?? '';
    if (client === undefined || kind === saidFailure) return;
    saidFailure = kind;
    log.warn(
      { reason },
      'the shared state refuses a command: this instance works by itself as far as it does',
    );
  }

  return {
    run: (operation, args) => ask(operation, (send) => send(args)),
    runScript: (operation, script, keys, args) =>
      ask(operation, async (send) => {
        const rest = [String(keys.length), ...keys, ...args];
        try {
          return await send(['EVALSHA', sha1(script), ...rest]);
        } catch (error) {
          if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
          return send(['EVAL', script, ...rest]);
        }
      }),
    async close() {
      isClosed = true;
      clearTimeout(retry);
      forgetMetric();
      client?.destroy();
      client = undefined;
      await connecting;
    },
  };
}

/**
 * What was the primary when it was connected to is none since a failover, and keeps the connection; its name may lead to the new
 * one by now. Redis before 7 puts it amid the words of a script that failed.
 */
function isReplica(reason: string): boolean {
  return /\b(?:READONLY|MASTERDOWN)\b/.test(reason);
}

/** Redis names scripts so; it is no signature. */
function sha1(script: string): string {
  return createHash('sha1').update(script).digest('hex');
}
