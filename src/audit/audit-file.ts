import { close, closeSync, constants, fstat, fstatSync, open, openSync, type Stats, write } from 'node:fs';
import { promisify } from 'node:util';

const writeSome = promisify(write);
const openFd = promisify(open);
const statFd = promisify(fstat);
const closeFd = promisify(close);

/** A file that lines are appended to, whatever becomes of the disk under it. */
export type AuditFile = {
  /** Never throws and never waits. `onLost` is called where the line could not be written whole. */
  append(line: string, onLost: () => void): void;
  /**
   * To whatever has the path now, from when that is open; lines before stay in the file that was open. Holds up nothing meanwhile.
   * @throws the system's error, or where it is neither a regular file nor a device, and nothing changes
   */
  reopen(): Promise<void>;
  /** Writes what still waits, and closes; lines after that are lost. */
  close(): Promise<void>;
};

export type AuditFileEvents = {
  /** Called once when writing begins to fail. */
  readonly onFailing: (error: unknown) => void;
  /** Called once when it works again. */
  readonly onWorking: () => void;
};

/** Owner writes, group (a log collector) reads, nobody else: who asks for what is not everybody's business. */
const MODE = 0o640;
/** Characters that may wait for a disk that does not answer: some 10,000 refusals. */
const MAX_WAITING = 4 * 1024 * 1024;

type Entry = { readonly line: string; readonly onLost: () => void };
type OpenFile = { readonly fd: number; torn: boolean };

/** Not waiting: to open a pipe that nobody reads would take until somebody does. */
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | (constants.O_NONBLOCK ?? 0);

/** @throws the system's error, where the file can not be opened, or where it is neither a regular file nor a device */
export function openAuditFile(path: string, events: AuditFileEvents): AuditFile {
  let file: OpenFile = { fd: openNow(path), torn: false };
  let reopening: Promise<unknown> = Promise.resolve();
  let waiting: Entry[] = [];
  let waitingLength = 0;
  let writing: Promise<void> | undefined;
  let failing = false;
  let closed = false;

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const entries = waiting;
      waiting = [];
      waitingLength = 0;
      await writeEntries(entries, file);
    }
    writing = undefined;
  }

  async function writeEntries(entries: readonly Entry[], to: OpenFile): Promise<void> {
    // A line that a full disk cut must not run into the next one.
    const start = to.torn ? '\n' : '';
    const content = Buffer.from(start + entries.map(({ line }) => `${line}\n`).join(''));
    let written = 0;
    try {
      while (written < content.length) {
        const { bytesWritten } = await writeSome(to.fd, content, written);
        written += bytesWritten;
      }
      to.torn = false;
      if (failing) events.onWorking();
      failing = false;
    } catch (error) {
      if (written > 0) to.torn = content[written - 1] !== NEWLINE;
      if (!failing) events.onFailing(error);
      failing = true;
      let end = start.length;
      for (const { line, onLost } of entries) {
        end += Buffer.byteLength(line) + 1;
        if (end > written) onLost();
      }
    }
  }

  async function takeNewFile(): Promise<void> {
    if (closed) return;
    const fd = await openLater(path);
    // Closed meanwhile: a disk that does not answer must not hold up the end.
    if (closed) return closeFd(fd);
    const before = file;
    file = { fd, torn: false };
    await writing;
    await closeFd(before.fd);
  }

  return {
    append(line, onLost) {
      if (closed) {
        onLost();
        return;
      }
      if (waitingLength + line.length > MAX_WAITING) {
        if (!failing) events.onFailing(new Error('the disk does not keep up'));
        failing = true;
        onLost();
        return;
      }
      waiting.push({ line, onLost });
      waitingLength += line.length;
      writing ??= drain();
    },
    reopen() {
      const turn = reopening.then(takeNewFile);
      reopening = turn.catch(() => {});
      return turn;
    },
    async close() {
      if (closed) return;
      closed = true;
      await writing;
      await closeFd(file.fd);
    },
  };
}

function openNow(path: string): number {
  const fd = openSync(path, FLAGS, MODE);
  try {
    checkKind(fstatSync(fd));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

async function openLater(path: string): Promise<number> {
  const fd = await openFd(path, FLAGS, MODE);
  try {
    checkKind(await statFd(fd));
    return fd;
  } catch (error) {
    await closeFd(fd);
    throw error;
  }
}

/** A pipe takes lines only as fast as somebody reads them, and keeps none. */
function checkKind(stats: Stats): void {
  if (!stats.isFile() && !stats.isCharacterDevice()) {
    throw new Error('it is neither a regular file nor a device');
  }
}

const NEWLINE = 0x0a;
