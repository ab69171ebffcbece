import type { Instruments } from './instruments.ts';

/** A blob on disk: whole and verified, or what a fill has brought or left. */
const CACHE_STATES = ['published', 'partial'] as const;

/** Why a blob left the disk. `size` and `free_space`: its turn; `age`: a partial that nobody continued. */
const CACHE_EVICTIONS = ['size', 'free_space', 'age', 'damaged', 'removed'] as const;
export type CacheEviction = (typeof CACHE_EVICTIONS)[number];

/** Why nothing is written to the cache. */
const CACHE_DEGRADED = ['no_room', 'read_only', 'io_error'] as const;

/** Why a write failed; `gone`: somebody took the file away. */
const CACHE_WRITE_FAILURES = [...CACHE_DEGRADED, 'gone'] as const;

/** What is kept: blobs on disk, decisions and manifests in memory. */
export function cacheMetrics(make: Instruments) {
  return {
    cacheSizeBytes: make.gauge('berth_cache_size_bytes', 'Bytes of blobs on disk.', { state: CACHE_STATES }),
    cacheEntries: make.gauge('berth_cache_entries', 'Blobs on disk.', { state: CACHE_STATES }),
    cacheEvictions: make.counter('berth_cache_evictions_total', 'Blobs removed from disk, by reason.', {
      reason: CACHE_EVICTIONS,
    }),
    cacheWriteFailures: make.counter(
      'berth_cache_write_failures_total',
      'Writes to the disk of the cache that failed.',
      { reason: CACHE_WRITE_FAILURES },
    ),
    cacheDegraded: make.gauge(
      'berth_cache_degraded',
      '1 while nothing is written to the cache for this reason; blobs are streamed.',
      { reason: CACHE_DEGRADED },
    ),
    cacheReads: make.counter(
      'berth_cache_reads_total',
      'Reads of cached blobs for clients, by where the bytes were.',
      { from: ['memory', 'disk'] },
    ),
    cacheScrubbedBytes: make.counter(
      'berth_cache_scrubbed_bytes_total',
      'Bytes of published blobs hashed again in the background.',
      {},
    ),
    authorizationDecisions: make.counter(
      'berth_authorization_decisions_total',
      'Where the decision whether this caller may have it came from.',
      { result: ['hit', 'miss', 'collapsed', 'public', 'stale', 'shared'] },
    ),
    manifestCacheRequests: make.counter(
      'berth_manifest_cache_requests_total',
      'Manifest requests, by what the memory cache answered (RFC 9211).',
      { result: ['hit', 'miss', 'bypass', 'stale'] },
    ),
    manifestCacheSizeBytes: make.gauge(
      'berth_manifest_cache_size_bytes',
      'Bytes of manifests held in memory.',
      {},
    ),
  };
}
