import type { BlobPlaces } from '../blob/blob-opener.ts';
import { type OwnerMessage, type ReaderMessage, toFailure } from '../blob/fill/fill-messages.ts';
import type { FillPort } from '../blob/fill/fill-port.ts';
import { readFill } from '../blob/fill/read-fill.ts';
import { openSpoolFile } from '../blob/fill/spool-file.ts';
import { WrongBlob } from '../blob/wrong-content.ts';
import type { MemoryReads } from '../cache/memory-reads.ts';
import type { Tracing } from '../trace/tracing.ts';
import type { BufferPool } from '../upstream/buffer-pool.ts';
import { type Link, LinkError } from './link.ts';
import type { AskPrimary, FillAnswer, TellPrimary } from './worker-messages.ts';

/** The primary's fills, read here: the bytes come from the spool, which both processes see. */
export function createWorkerFills(deps: {
  readonly link: Pick<Link<AskPrimary, TellPrimary>, 'call' | 'port'>;
  readonly pool: BufferPool;
  readonly tracing: Pick<Tracing, 'fields'>;
  /** Left out: every read is asynchronous. */
  readonly memoryReads?: MemoryReads;
}): NonNullable<BlobPlaces['fills']> {
  const { link, pool, tracing, memoryReads } = deps;
  const openFile = (path: string) => openSpoolFile(path, memoryReads);
  let ports = 0;
  return {
    async join({ digest, scope, source, range, knownLength, signal }) {
      signal.throwIfAborted();
      if (source.facts === undefined) return undefined;
      const id = (ports += 1);
      const port = endAfterLeave(link.port<ReaderMessage, OwnerMessage>(id));
      let answer: FillAnswer;
      try {
        answer = await link.call('joinFill', {
          port: id,
          digest,
          scope,
          source: source.facts,
          range,
          knownLength,
          trace: tracing.fields(),
        });
      } catch (error) {
        port.close();
        // A primary that is gone takes this worker with it; whatever else it could not do, a stream can.
        if (error instanceof LinkError) return undefined;
        throw error;
      }
      if (answer.kind === 'joined') {
        return readFill(port, { range, signal }, { pool, openFile });
      }
      port.close();
      if (answer.kind === 'none') return undefined;
      throw answer.isWrong ? toWrongBlob(answer.failure) : toFailure(answer.failure);
    },
  };
}

function toWrongBlob({ kind, where, message, ...facts }: Extract<FillAnswer, { kind: 'failed' }>['failure']) {
  return new WrongBlob(kind, where, message, facts);
}

/** Nothing is said to a reader that has left. */
function endAfterLeave(port: FillPort<ReaderMessage, OwnerMessage>): FillPort<ReaderMessage, OwnerMessage> {
  return {
    ...port,
    post(message) {
      port.post(message);
      if (message.kind === 'leave') port.close();
    },
  };
}
