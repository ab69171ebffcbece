import { closeSync, openSync, write } from 'node:fs';
import { promisify } from 'node:util';

const writeSome = promisify(write);

/** A file that lines are appended to, whatever becomes of the disk under it. */
export type AuditFile = {
  /** Never throws and never waits. `onLost` is called where the line could not be written whole. */
  append(line: string, onLost: () => void): void;
  /** From now on to whatever has the path now; lines before stay in the file that was open. @throws the system's error, and nothing changes */
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

/** @throws the system's error, where the file can not be opened */
export function openAuditFile(path: string, events: AuditFileEvents): AuditFile {
  let file: OpenFile = { fd: openSync(path, 'a', MODE), torn: false };
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
    async reopen() {
      if (closed) return;
      const before = file;
      file = { fd: openSync(path, 'a', MODE), torn: false };
      await writing;
      closeSync(before.fd);
    },
    async close() {
      if (closed) return;
      closed = true;
      await writing;
      closeSync(file.fd);
    },
  };
}

const NEWLINE = 0x0a;
