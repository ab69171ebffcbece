import type { BlobStore, StoreUsage } from '../../cache/blob-store.ts';

/** A cache that the commands work with: a running Berth's, or a directory that nobody else has open. */
export type CacheAccess = Pick<BlobStore, 'list' | 'remove' | 'verify' | 'collect' | 'close'> & {
  usage(): Promise<StoreUsage>;
};
