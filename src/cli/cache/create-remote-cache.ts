import type { StoreEntry, StoreUsage } from '../../cache/blob-store.ts';
import type { Digest } from '../../oci/digest.ts';
import type { BerthQuestion } from '../ask-berth.ts';
import type { CacheAccess } from './cache-access.ts';

/** The cache of a running Berth, through its control socket; rejects with its words. */
export function createRemoteCache(ask: (question: BerthQuestion) => Promise<unknown>): CacheAccess {
  /** Until it is done: each question waits for some seconds. */
  async function finish<Result>(path: string, signal?: AbortSignal): Promise<Result> {
    for (;;) {
      signal?.throwIfAborted();
      const { result } = await as<{ result: Result | 'running' }>({ method: 'POST', path });
      if (result !== 'running') return result;
    }
  }

  async function as<Document>(question: BerthQuestion): Promise<Document> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- version 1 of the control API, which is Berth's own
    return (await ask(question)) as Document;
  }

  return {
    usage: () => as<StoreUsage>({ method: 'GET', path: 'cache' }),
    async *list() {
      let after = '';
      for (;;) {
        const query = after === '' ? '' : `?after=${encodeURIComponent(after)}`;
        const { blobs, next } = await as<{ blobs: StoreEntry[]; next?: Digest }>({
          method: 'GET',
          path: `cache/blobs${query}`,
        });
        yield* blobs;
        if (next === undefined) return;
        after = next;
      }
    },
    async remove(digest) {
      const path = `cache/blobs/${digest}`;
      return (await as<{ result: 'removed' | 'in_use' | 'absent' }>({ method: 'DELETE', path })).result;
    },
    verify: (digest, signal) => finish(`cache/blobs/${digest}/verify`, signal),
    collect: () => finish('cache/collect'),
    close: () => Promise.resolve(),
  };
}
