import { FIRST_BYTE_BUCKETS } from './buckets.ts';
import type { Instruments } from './instruments.ts';
import { UPSTREAM_FAILURES } from './upstream-metrics.ts';

/** Why a blob's bytes ended before the last one. */
const INCOMPLETE_REASONS = [
  'client_closed',
  'digest_mismatch',
  'drain_deadline',
  'internal_error',
  ...UPSTREAM_FAILURES,
] as const;
export type IncompleteReason = (typeof INCOMPLETE_REASONS)[number];

/** Why a blob transfer went on anew: see `ResumeReason` in src/blob/resume.ts. */
const RESUME_REASONS = [
  'cut',
  'stall',
  'slow',
  'unreachable',
  'busy',
  'server_error',
  'wrong_answer',
  'changed',
  'expired',
] as const;

const RENEWAL_RESULTS = ['ok', 'no_credentials', 'refused', 'failed'] as const;

/** Blobs on their way to clients, and what goes wrong with them. */
export function blobMetrics(make: Instruments) {
  return {
    blobTransmitBytes: make.counter(
      'berth_blob_transmit_bytes_total',
      'Bytes of blobs written to clients, counted as they flow, cut transfers included.',
      { source: ['cache', 'fill', 'upstream'] },
    ),
    blobTimeToFirstByte: make.histogram(
      'berth_blob_time_to_first_byte_seconds',
      'From a blob request to its first content byte handed to the client connection.',
      { source: ['cache', 'fill', 'upstream'] },
      FIRST_BYTE_BUCKETS,
    ),
    blobCacheRequests: make.counter(
      'berth_blob_cache_requests_total',
      'Blob transfers, by whether the disk cache had the blob (RFC 9211).',
      { result: ['hit', 'miss'] },
    ),
    blobIncomplete: make.counter(
      'berth_blob_incomplete_total',
      'Blob transfers that ended before their last byte.',
      { reason: INCOMPLETE_REASONS },
    ),
    blobResumes: make.counter(
      'berth_blob_resumes_total',
      'Tries to go on with a blob, or to open it, after its source failed.',
      { reason: RESUME_REASONS },
    ),
    sourceRenewals: make.counter(
      'berth_source_renewals_total',
      'Questions to an upstream for a fresh link to a blob under way, by outcome.',
      { result: RENEWAL_RESULTS },
    ),
    blobDigestMismatches: make.counter(
      'berth_blob_digest_mismatches_total',
      'Content whose digest was not the one asked for; it was not delivered whole and not stored.',
      { stage: ['manifest', 'blob', 'fill'] },
    ),
  };
}
