import type { BlobStore } from '../../cache/blob-store.ts';
import type { GuardedStore } from '../../cache/objects/guard-store.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Digest } from '../../oci/digest.ts';
import type { SharedFill } from './shared-fill.ts';

/** Blobs that are given to the shared store, in the background, some at a time. */
export type Uploads = {
  /** One that was verified and published. Dropped where too many wait: another replica fetches it then. */
  add(digest: Digest, name: string, fill: SharedFill): void;
  close(): Promise<void>;
};

export type UploadsDeps = {
  readonly objects: GuardedStore;
  readonly store: Pick<BlobStore, 'open'>;
  readonly metrics: Pick<Metrics, 'sharedUploads' | 'sharedUploadQueue'>;
  readonly signal: AbortSignal;
};

/** Uploads at a time; each holds one part in memory. */
const CONCURRENCY = 2;
const MAX_WAITING = 1_000;

type Upload = { readonly digest: Digest; readonly name: string; readonly fill: SharedFill };
type UploadResult = 'stored' | 'exists' | 'elsewhere' | 'failed' | 'dropped';

export function createUploads({ objects, store, metrics, signal }: UploadsDeps): Uploads {
  const waiting: Upload[] = [];
  const active = new Set<Promise<void>>();
  const forgetMetric = metrics.sharedUploadQueue.collect(() => [[{}, waiting.length + active.size]]);

  function next(): void {
    while (active.size < CONCURRENCY && !signal.aborted) {
      const upload = waiting.shift();
      if (upload === undefined) return;
      const running = run(upload).finally(() => {
        active.delete(running);
        next();
      });
      active.add(running);
    }
  }

  async function run(upload: Upload): Promise<void> {
    let result: UploadResult = 'failed';
    try {
      result = (await upload.fill.mayUpload()) ? await put(upload) : 'elsewhere';
    } catch {
      // The store counts it and says so; the blob is on this disk.
    }
    metrics.sharedUploads.inc({ result });
    await upload.fill.uploaded(result === 'stored' || result === 'exists');
  }

  async function put({ digest, name }: Upload): Promise<UploadResult> {
    const blob = await store.open(digest);
    if (blob === undefined) return 'failed';
    try {
      const there = await objects.length(name, signal);
      if (there === blob.length) return 'exists';
      // What somebody left there is no blob of this digest: nobody would ever have it from there.
      if (there !== undefined) await objects.remove(name, signal);
      const content = {
        length: blob.length,
        async read(position: number, buffer: Buffer) {
          for (let done = 0; done < buffer.length; ) {
            const bytes = await blob.read(position + done, buffer.subarray(done));
            if (bytes === 0) throw new Error('a stored blob is shorter than it was');
            done += bytes;
          }
        },
      };
      return await objects.put(name, content, signal);
    } finally {
      blob.close();
    }
  }

  return {
    add(digest, name, fill) {
      if (signal.aborted) return;
      if (waiting.length >= MAX_WAITING) {
        metrics.sharedUploads.inc({ result: 'dropped' });
        void fill.uploaded(false);
        return;
      }
      waiting.push({ digest, name, fill });
      next();
    },
    async close() {
      waiting.length = 0;
      forgetMetric();
      await Promise.all(active);
    },
  };
}
