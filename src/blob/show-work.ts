import type { Work } from '../metrics/running-work.ts';
import type { BlobContent } from './open-blob.ts';

/** A blob's way to a client begins, and can be seen from now on. */
export type BeginTransferWork = (transfer: {
  readonly registry: string;
  readonly digest: string;
  readonly clientAddress: string;
}) => Work;

/** The same content, whose work says whom it waits for: a client that takes no more, or where the bytes come from. */
export function showWork(content: BlobContent, work: Work): BlobContent {
  work.learn(content.length);
  return {
    length: content.length,
    pipe: (sink) => content.pipe(sink),
    pause() {
      work.waits('client');
      content.pause();
    },
    resume() {
      work.waits('upstream');
      content.resume();
    },
    cancel: () => content.cancel(),
  };
}
