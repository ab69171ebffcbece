import type { BlobSource } from '../../../../src/blob/blob-source.ts';
import { UpstreamFailure } from '../../../../src/upstream/failure.ts';
import type { TransferHandler } from '../../../../src/upstream/transfer.ts';

type Request = { readonly from: number; readonly to: number; readonly handler: TransferHandler };

/** A source whose requests wait until they are told what becomes of them. */
export type ScriptedSource = BlobSource & {
  /** What becomes of the oldest request for bytes of this piece; false: there is none. */
  act(piece: number, what: 'land' | 'cut' | 'expire'): boolean;
  /** What becomes of the renewal that is asked for. */
  renewed(isThere: boolean): void;
  /** From now on all is well, also with what waits. */
  release(): void;
  /** Pieces of requests that wait. */
  readonly open: readonly number[];
  /** A fresh one is being asked for in its place. */
  readonly isRenewing: boolean;
};

/** @param cutBytes bytes that come before a request is cut */
export function createScriptedSource(
  bytes: Buffer,
  origin: string,
  pieceBytes: number,
  cutBytes = Math.floor(pieceBytes / 2),
): ScriptedSource {
  let waiting: Request[] = [];
  let isReleased = false;
  let renewal: ((source: BlobSource | undefined) => void) | undefined;
  const pieceOf = ({ from }: Request): number => Math.floor(from / pieceBytes);

  function perform({ from, to, handler }: Request, what: 'land' | 'cut' | 'expire'): void {
    if (what === 'expire') {
      handler.start(403, {});
      return;
    }
    handler.start(206, { 'content-range': `bytes ${from}-${to - 1}/${bytes.length}` });
    // Never all of it.
    const end = what === 'cut' ? from + Math.min(cutBytes, Math.floor((to - from) / 2)) : to;
    // The answer is taken up first.
    setImmediate(() => {
      if (end > from) handler.data(Buffer.from(bytes.subarray(from, end)), undefined);
      if (what === 'land') handler.end();
      else handler.failed(new UpstreamFailure('connection_terminated', 'storage', 'cut'));
    });
  }

  const source: ScriptedSource = {
    where: 'storage',
    origin,
    get open() {
      return waiting.map(pieceOf);
    },
    get isRenewing() {
      return renewal !== undefined;
    },
    start(headers, handler) {
      const [, first = '0', last = '0'] = /^bytes=(\d+)-(\d+)$/.exec(headers['range'] ?? '') ?? [];
      const request = { from: Number(first), to: Number(last) + 1, handler };
      if (isReleased) setImmediate(() => perform(request, 'land'));
      else waiting.push(request);
      return {
        pause() {},
        resume() {},
        abort() {
          if (!waiting.includes(request)) return;
          waiting = waiting.filter((other) => other !== request);
          const failure = new UpstreamFailure('connection_terminated', 'storage', 'aborted');
          setImmediate(() => handler.failed(failure));
        },
      };
    },
    redirected() {
      throw new UpstreamFailure('redirect_refused', 'storage', 'this source does not redirect');
    },
    async renew(signal) {
      if (isReleased || signal.aborted) return undefined;
      return new Promise((resolve) => {
        renewal = resolve;
        signal.addEventListener('abort', () => source.renewed(false), { once: true });
      });
    },
    act(piece, what) {
      const request = waiting.find((other) => pieceOf(other) === piece);
      if (request === undefined) return false;
      waiting = waiting.filter((other) => other !== request);
      perform(request, what);
      return true;
    },
    renewed(isThere) {
      renewal?.(isThere ? source : undefined);
      renewal = undefined;
    },
    release() {
      isReleased = true;
      source.renewed(false);
      for (const request of waiting.splice(0)) perform(request, 'land');
    },
  };
  return source;
}
