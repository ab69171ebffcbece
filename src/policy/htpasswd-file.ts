import { type BigIntStats, readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { describeCode } from '../system/error-code.ts';
import { formatStamp } from '../system/file-stamp.ts';
import { type Htpasswd, parseHtpasswd } from './htpasswd.ts';

/** The message is for the operator as it is: file, what is wrong, what to do. It names no user and no hash. */
export class HtpasswdFileError extends Error {
  override readonly name = 'HtpasswdFileError';
  readonly code = 'invalid_htpasswd_file';
}

export type HtpasswdFile = {
  /** The entries as they are now: a change is seen within a second. `version` rises with each change. */
  current(): Promise<{ readonly htpasswd: Htpasswd; readonly version: number }>;
};

export type HtpasswdFileDeps = {
  readonly now?: () => number;
  readonly log?: Logger | undefined;
  /** Told when changed entries were taken up (undefined), or why they were not. */
  readonly onChange?: ((rejected: string | undefined) => void) | undefined;
};

/** Between two looks at the file's time: a new user can wait so long, and a stat per request is waste. */
const LOOK_INTERVAL_MS = 1000;

/** Tens of thousands of users. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Opens an htpasswd file and follows its changes. A file that is gone or broken later locks nobody out and lets
 * nobody in: the last good entries stay, and the log tells it once.
 *
 * @throws {HtpasswdFileError} where it is not usable now.
 */
export function openHtpasswdFile(path: string, deps: HtpasswdFileDeps = {}): HtpasswdFile {
  // A clock that is set back must not hide a change.
  const now = deps.now ?? (() => performance.now());
  let stamp: string | undefined;
  let state: { htpasswd: Htpasswd; version: number };
  try {
    const stats = statSync(path, { bigint: true });
    checkStats(path, stats);
    stamp = formatStamp(stats);
    state = { htpasswd: parse(path, readFileSync(path, 'utf8')), version: 1 };
  } catch (error) {
    throw asFileError(path, error);
  }
  let lookedAtMs = now();
  let look: Promise<void> | undefined;
  let toldReason: string | undefined;

  async function readIfChanged(): Promise<void> {
    try {
      const stats = await stat(path, { bigint: true });
      if (formatStamp(stats) === stamp) return;
      stamp = formatStamp(stats);
      checkStats(path, stats);
      state = { htpasswd: parse(path, await readFile(path, 'utf8')), version: state.version + 1 };
      toldReason = undefined;
      deps.log?.info({ file: path, users: state.htpasswd.hashes.size }, 'htpasswd file read again');
      deps.onChange?.(undefined);
    } catch (error) {
      // What could not be read may be readable without a change; what was read and is wrong needs one.
      if (!(error instanceof HtpasswdFileError)) stamp = undefined;
      const reason = asFileError(path, error).message;
      if (reason === toldReason) return;
      toldReason = reason;
      deps.log?.error({ file: path, reason }, 'htpasswd file not usable: the last good entries stay');
      deps.onChange?.(reason);
    }
  }

  return {
    async current() {
      if (look === undefined && now() - lookedAtMs >= LOOK_INTERVAL_MS) {
        lookedAtMs = now();
        look = readIfChanged();
        await look;
        look = undefined;
      }
      await look;
      return state;
    },
  };
}

function checkStats(path: string, stats: BigIntStats): void {
  if (!stats.isFile()) throw new HtpasswdFileError(`the htpasswd file ${path} is not a file`);
  if (stats.size > MAX_FILE_BYTES) {
    throw new HtpasswdFileError(`the htpasswd file ${path} is larger than ${MAX_FILE_BYTES} bytes`);
  }
}

function parse(path: string, text: string): Htpasswd {
  const parsed = parseHtpasswd(text);
  if (parsed.kind === 'ok') return parsed.htpasswd;
  throw new HtpasswdFileError(`the htpasswd file ${path}, line ${parsed.line}: ${parsed.message}`);
}

function asFileError(path: string, error: unknown): HtpasswdFileError {
  if (error instanceof HtpasswdFileError) return error;
  return new HtpasswdFileError(
    `the htpasswd file ${path} can not be read (${describeCode(error)}): check its path, owner and mode`,
    { cause: error },
  );
}
