import type { Instruments } from './instruments.ts';

/** What the shared blob store (`cache.store`) was asked. */
const OBJECT_OPERATIONS = ['get', 'put', 'length', 'remove'] as const;
export type ObjectOperation = (typeof OBJECT_OPERATIONS)[number];

/** `away`: it failed a moment ago and was not asked. */
const OBJECT_RESULTS = ['ok', 'absent', 'exists', 'failed', 'away'] as const;

/** Where a piece of a fill was had with a shared blob store: a whole blob there, another replica's piece, or none. */
const SHARED_READS = ['blob', 'piece', 'upstream'] as const;

/** `elsewhere`: another replica does it; `dropped`: too many were waiting. */
const SHARED_UPLOADS = ['stored', 'exists', 'elsewhere', 'failed', 'dropped'] as const;

/** The blob store that replicas share (`cache.store`). */
export function sharedBlobMetrics(make: Instruments) {
  return {
    objectStoreOperations: make.counter(
      'berth_object_store_operations_total',
      'Requests to the shared blob store (`cache.store`), by outcome.',
      { operation: OBJECT_OPERATIONS, result: OBJECT_RESULTS },
    ),
    objectStoreAway: make.gauge(
      'berth_object_store_away',
      '1 while the shared blob store is not asked since it failed a moment ago.',
      {},
    ),
    sharedReads: make.counter(
      'berth_shared_reads_total',
      'Requests of fills, by where the shared blob store sent them.',
      { from: SHARED_READS },
    ),
    sharedUploads: make.counter(
      'berth_shared_uploads_total',
      'Blobs for the shared blob store, by what became of them.',
      { result: SHARED_UPLOADS },
    ),
    sharedUploadQueue: make.gauge(
      'berth_shared_upload_queue_length',
      'Blobs that are being given to the shared blob store, or wait for it.',
      {},
    ),
  };
}
