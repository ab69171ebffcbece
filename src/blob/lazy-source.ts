import type { BlobSource } from './blob-source.ts';

/** The same source each time, made when it is first needed. Rejects as `make` does, each time. */
export type LazySource = () => Promise<BlobSource>;

/** What is kept needs no source, and no credentials for one (K6). */
export function lazySource(make: () => Promise<BlobSource>): LazySource {
  let made: Promise<BlobSource> | undefined;
  return () => (made ??= make());
}
