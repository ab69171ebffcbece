import type { BlobSource } from '../../../src/blob/blob-source.ts';
import type { ByteRange } from '../../../src/http/range.ts';

/** Follows a shared source as a fill does; undefined: it leads on to `own`. */
export function haveFromShared(
  source: BlobSource,
  own: BlobSource,
  { firstPos, lastPos }: ByteRange,
): Promise<Buffer | undefined> {
  const headers = { range: `bytes=${firstPos}-${lastPos}` };
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    function ask(from: BlobSource): void {
      if (from === own) {
        resolve(undefined);
        return;
      }
      const transfer = from.start(headers, {
        start(status, { location }) {
          if (status === 307) ask(from.redirected(String(location)));
          else transfer.resume();
        },
        data: (chunk) => void chunks.push(chunk),
        end: () => resolve(Buffer.concat(chunks)),
        failed: reject,
      });
    }
    ask(source);
  });
}
