import type { BlobStore, StoreEntry } from '../cache/blob-store.ts';
import { type Digest, parseDigest } from '../oci/digest.ts';
import { createTurns } from '../system/turns.ts';
import { type ControlAnswer, type ControlHandler, refusal } from './control-server.ts';
import { createJobs } from './jobs.ts';

/** Of at most 250 bytes each: an answer has a few megabytes. */
const PAGE_ENTRIES = 10_000;
/** A third of what a command waits for its answer. */
const WAIT_MS = 5000;

export type CacheApiOptions = {
  readonly waitMs?: number;
  readonly pageEntries?: number;
};

/**
 * What the commands ask about the cache on disk:
 *
 * - `GET /v1/cache`: how much there is, and whether it is written
 * - `GET /v1/cache/blobs[?after=<digest>]`: `{"blobs": […], "next": <digest>}`, by digest; no `next`: these are the last
 * - `DELETE /v1/cache/blobs/<digest>`: `{"result": "removed"|"in_use"|"absent"}`
 * - `POST /v1/cache/blobs/<digest>/verify`: `{"result": "ok"|"removed"|"absent"}`, or `"running"`: ask again
 * - `POST /v1/cache/collect`: `{"result": <bytes freed>}`, or `"running"`
 *
 * A failure of the disk is 500 `cache_failed` with its words.
 *
 * @param store undefined: there is no cache on disk
 */
export function createCacheApi(store: BlobStore | undefined, options: CacheApiOptions = {}): ControlHandler {
  const { waitMs = WAIT_MS, pageEntries = PAGE_ENTRIES } = options;
  const jobs = createJobs(waitMs);
  // A command that is gone does not come back for what it asked.
  const never = new AbortController().signal;

  async function job<Result>(name: string, start: () => Promise<Result>): Promise<ControlAnswer> {
    try {
      const answer = await jobs.ask(name, start);
      return { status: 200, document: answer ?? { result: 'running' } };
    } catch (error) {
      return failed(error);
    }
  }

  return async ({ method, path }) => {
    if (store === undefined) {
      return refusal(
        404,
        'no_cache',
        'this Berth has no cache on disk: its configuration has no cache.directory',
      );
    }
    const url = new URL(path, 'http://berth');
    const [, text, isVerify] = /^\/v1\/cache\/blobs\/([^/]+)(\/verify)?$/.exec(url.pathname) ?? [];
    const digest = text === undefined ? undefined : parseDigest(decodeURIComponent(text));
    if (digest !== undefined && digest.kind !== 'ok') return refusal(400, 'malformed', 'that is no digest');
    const what = digest === undefined ? url.pathname : isVerify === undefined ? 'blob' : 'verify';
    switch (`${method} ${what}`) {
      case 'GET /v1/cache':
        return { status: 200, document: store.usage };
      case 'GET /v1/cache/blobs':
        return { status: 200, document: await page(store, url.searchParams.get('after') ?? '', pageEntries) };
      case 'POST /v1/cache/collect':
        return job('collect', () => store.collect());
      case 'DELETE blob':
        return store.remove(known(digest)).then((result) => ({ status: 200, document: { result } }), failed);
      case 'POST verify':
        return job(known(digest), () => store.verify(known(digest), never));
      default:
        return refusal(404, 'unknown_path', 'this Berth has no such control request');
    }
  };
}

/** What the disk says: whoever asks has it at hand. */
function failed(error: unknown): ControlAnswer {
  const why = error instanceof Error ? error.message : 'unknown error';
  return refusal(500, 'cache_failed', `the cache of this Berth could not do it: ${why}`);
}

function known(parsed: { readonly digest: Digest } | undefined): Digest {
  if (parsed === undefined) throw new TypeError('the path has a digest');
  return parsed.digest;
}

async function page(
  store: BlobStore,
  after: string,
  size: number,
): Promise<{ blobs: readonly StoreEntry[]; next?: Digest }> {
  const turns = createTurns();
  // Those of this page and one more; of a million, most are told to be none of them by one comparison.
  let first: StoreEntry[] = [];
  let limit: Digest | undefined;
  const keepFirst = () => {
    first = first.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)).slice(0, size + 1);
    limit = first[size]?.digest;
  };
  for await (const entry of store.list()) {
    const turn = turns.next();
    if (turn !== undefined) await turn;
    if (entry.digest <= after || (limit !== undefined && entry.digest >= limit)) continue;
    first.push(entry);
    if (first.length > 2 * size) keepFirst();
  }
  keepFirst();
  const blobs = first.slice(0, size);
  const next = first.length > size ? blobs.at(-1)?.digest : undefined;
  return { blobs, ...(next !== undefined && { next }) };
}
