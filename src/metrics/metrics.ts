import type { ExemplarLabels, ExpositionFormat, Labels } from './instruments.ts';
import { createInstruments } from './instruments.ts';
import {
  AUDIT_REASONS,
  CACHE_DEGRADED,
  CACHE_EVICTIONS,
  CACHE_STATES,
  CACHE_WRITE_FAILURES,
  CLIENT_LIMITS,
  CODES,
  CONNECTION_REFUSALS,
  FILL_RESULTS,
  INCOMPLETE_REASONS,
  METHODS,
  OBJECT_OPERATIONS,
  OBJECT_RESULTS,
  REDIRECT_REFUSALS,
  REGION_FAILOVERS,
  RELOAD_PARTS,
  RELOAD_RESULTS,
  RENEWAL_RESULTS,
  REQUEST_REFUSALS,
  RESUME_REASONS,
  ROUTES,
  SERVERS,
  SHARED_READS,
  SHARED_UPLOADS,
  STATE_OPERATIONS,
  STATE_RESULTS,
  TICKET_RESULTS,
  TLS_FAILURES,
  UPSTREAM_FAILURES,
  UPSTREAM_THROTTLES,
  UPSTREAMS,
} from './labels.ts';

import { STUCK_KINDS } from './progress-watch.ts';
import type { OtherProcesses } from './sum-metrics.ts';

export type { Counter, CounterHandle, Gauge, Histogram } from './instruments.ts';
export type * from './labels.ts';
export { codeLabel, methodLabel } from './labels.ts';

export type Metrics = ReturnType<typeof createMetrics>;

/** Those of the configuration, which the operator wrote: bounded, but not known here. Each appears when it is set. */
const REGISTRY_NAMES: readonly string[] = [];
const REGION_NAMES: readonly string[] = [];

/** From a cached answer to a blob of many gigabytes on a slow line: clients wait half an hour for those. */
const DURATION_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800,
];

/** To the first byte: containerd gives up after 30 s without a header section. */
const FIRST_BYTE_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * Every metric of Berth, on a registry of its own. docs/metrics.md says when each one moves; a test compares the two
 * both ways. `build` names the running program in `berth_build_info`; `others`: see `createInstruments`.
 */
export function createMetrics(
  build: { version: string; revision: string } = { version: '', revision: '' },
  exemplar: () => ExemplarLabels | undefined = () => undefined,
  others?: OtherProcesses,
) {
  const make = createInstruments(exemplar, others);
  make.info('berth_build_info', 'Always 1; its labels name the running build.', build);
  return {
    /** The whole of it; exemplars only in `openmetrics`. */
    exposition: (format: ExpositionFormat) => make.exposition(format),
    /** In Prometheus' own format. */
    text: async (): Promise<string> => (await make.exposition('prometheus')).text,
    descriptions: make.descriptions,
    /** What this process alone has counted, for the one that sums it. */
    snapshot: () => make.snapshot(),

    // Clients
    httpRequests: make.counter(
      'berth_http_requests_total',
      'Requests answered, each counted once when its response ends; 499: the client left first.',
      { server: SERVERS, route: ROUTES, method: METHODS, code: CODES },
      usualRequests(),
    ),
    httpRequestDuration: make.histogram(
      'berth_http_request_duration_seconds',
      'From the request header section to the last byte of the response or its end.',
      { server: SERVERS, route: ROUTES, method: METHODS, code: CODES },
      DURATION_BUCKETS,
    ),
    httpTimeToFirstByte: make.histogram(
      'berth_http_time_to_first_byte_seconds',
      'From the request header section to the response header section.',
      { server: SERVERS },
      FIRST_BYTE_BUCKETS,
    ),
    httpRequestsInFlight: make.gauge('berth_http_requests_in_flight', 'Requests being answered now.', {
      server: SERVERS,
    }),
    httpIncompleteResponses: make.counter(
      'berth_http_incomplete_responses_total',
      'Responses that ended after their header section and before their last byte.',
      {
        server: SERVERS,
        reason: ['client_closed', 'idle_timeout', 'internal_error', 'drain_deadline', 'cut'],
      },
    ),
    httpRefusedRequests: make.counter(
      'berth_http_refused_requests_total',
      'Requests refused before they reached a door.',
      { reason: REQUEST_REFUSALS },
    ),
    connectionsOpen: make.gauge('berth_connections_open', 'Open client connections.', {}),
    connectionsRefused: make.counter(
      'berth_connections_refused_total',
      'Client connections closed before their first request.',
      { reason: CONNECTION_REFUSALS },
    ),
    tlsFailures: make.counter(
      'berth_tls_failures_total',
      'Client connections that TLS ended after their handshake.',
      { reason: TLS_FAILURES },
    ),
    clientLimitRefusals: make.counter(
      'berth_client_limit_refusals_total',
      'Requests answered 429 because their client has reached a limit.',
      { limit: CLIENT_LIMITS },
    ),
    auditEvents: make.counter(
      'berth_audit_events_total',
      'Requests and connections refused for safety, one audit event each.',
      { reason: AUDIT_REASONS },
    ),
    auditWriteFailures: make.counter(
      'berth_audit_write_failures_total',
      'Audit events that `audit.file` did not take; they are in the log instead.',
      {},
    ),
    policyDecisions: make.counter(
      'berth_policy_decisions_total',
      "Decisions of Berth's own client policy (`clients`).",
      { decision: ['allowed', 'challenge', 'denied', 'throttled'] },
    ),
    tokenRequests: make.counter('berth_token_requests_total', 'Token requests of clients, by outcome.', {
      result: ['ok', 'refused', 'throttled', 'failed'],
    }),
    identityRefreshes: make.counter(
      'berth_identity_refreshes_total',
      "Refreshes of Berth's own credentials by a cloud's identity (`upstream.auth`), by outcome.",
      {
        identity: ['azure_workload_identity', 'azure_managed_identity', 'aws_ecr'],
        result: ['ok', 'failed'],
      },
    ),
    uploads: make.counter('berth_uploads_total', 'Upload requests, by outcome.', {
      result: ['started', 'continued', 'completed', 'mounted', 'cancelled', 'refused', 'failed'],
    }),

    // Tickets and redirects
    redirects: make.counter(
      'berth_redirects_total',
      'Blob requests answered by the login server, by delivery.',
      {
        delivery: ['dedicated', 'inline', 'passthrough'],
      },
    ),
    redirectsRefused: make.counter(
      'berth_redirects_refused_total',
      'Locations of upstreams that were neither followed nor given out.',
      { reason: REDIRECT_REFUSALS },
    ),
    dataEndpointEnabled: make.gauge(
      'berth_data_endpoint_enabled',
      '1 while data endpoints of the registry are on, 0 while they are off or delivery is `inline`.',
      { registry: REGISTRY_NAMES },
    ),
    regionsUnmatched: make.counter(
      'berth_regions_unmatched_total',
      "Redirects to a storage host that no region's `match` names; the client's region or home was used.",
      {},
    ),
    regionHealthy: make.gauge(
      'berth_region_healthy',
      '1 while the region is used, 0 while it is left out; only where a region has an upstream of its own.',
      { registry: REGISTRY_NAMES, region: REGION_NAMES },
      Math.min,
    ),
    regionProbes: make.counter('berth_region_probes_total', 'Probes of regions, by result.', {
      registry: REGISTRY_NAMES,
      region: REGION_NAMES,
      result: ['ok', 'failed'],
    }),
    regionRequests: make.counter(
      'berth_region_requests_total',
      'Requests to a region, by what they said about its health.',
      {
        registry: REGISTRY_NAMES,
        region: REGION_NAMES,
        part: ['registry', 'storage'],
        result: ['ok', 'failed'],
      },
    ),
    regionFailovers: make.counter(
      'berth_region_failovers_total',
      'Questions for which the region was left for the next one, by reason.',
      { registry: REGISTRY_NAMES, region: REGION_NAMES, reason: REGION_FAILOVERS },
    ),
    ticketsIssued: make.counter('berth_tickets_issued_total', 'Tickets sealed into a redirect.', {}),
    ticketVerifications: make.counter(
      'berth_ticket_verifications_total',
      'Tickets shown at a data endpoint, by result.',
      { result: TICKET_RESULTS },
    ),

    // Blobs and manifests
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
    fills: make.counter('berth_fills_total', 'Fills that have ended, by outcome.', { result: FILL_RESULTS }),
    fillsInFlight: make.gauge('berth_fills_in_flight', 'Fills under way.', {}),
    fillHedges: make.counter(
      'berth_fill_hedges_total',
      'Pieces that were slower than most of their fill and were asked for a second time, by outcome.',
      { result: ['won', 'lost', 'failed'] },
    ),
    fillJoins: make.counter(
      'berth_fill_joins_total',
      'Blob requests that were not in the cache, by whether they shared a fill.',
      { result: ['started', 'joined', 'refused'] },
    ),
    rangeRequests: make.counter(
      'berth_range_requests_total',
      'Blob requests with a Range field, by form, and where their bytes came from.',
      {
        type: ['int', 'open', 'suffix', 'multiple', 'unsatisfiable', 'ignored'],
        source: ['cache', 'fill', 'upstream', 'none'],
      },
    ),
    bufferPoolBytes: make.gauge('berth_buffer_pool_bytes', 'Transfer buffers.', {
      state: ['in_use', 'free'],
    }),
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

    // State that replicas share
    stateOperations: make.counter(
      'berth_state_operations_total',
      'Questions to the shared state (`state`), by outcome.',
      { operation: STATE_OPERATIONS, result: STATE_RESULTS },
    ),
    stateAvailable: make.gauge(
      'berth_state_available',
      '1 while the shared state can be asked, 0 while this instance works by itself.',
      {},
      Math.min,
    ),
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

    // Upstream
    upstreamRequests: make.counter('berth_upstream_requests_total', 'Responses of upstreams.', {
      upstream: UPSTREAMS,
      code: CODES,
    }),
    upstreamRequestDuration: make.histogram(
      'berth_upstream_request_duration_seconds',
      "From sending a request upstream to its response's header section.",
      { upstream: UPSTREAMS },
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    ),
    upstreamFailures: make.counter(
      'berth_upstream_failures_total',
      'Upstream requests without a usable response, by RFC 9209 error type.',
      { upstream: UPSTREAMS, reason: UPSTREAM_FAILURES },
    ),
    upstreamBytes: make.counter('berth_upstream_bytes_total', 'Body bytes read from upstreams.', {
      upstream: UPSTREAMS,
    }),

    upstreamQueueLength: make.gauge(
      'berth_upstream_queue_length',
      'Questions that wait for their turn at an upstream registry.',
      {},
    ),
    upstreamQueueWait: make.histogram(
      'berth_upstream_queue_wait_seconds',
      'How long questions waited for their turn at an upstream registry; those that need not are counted with 0.',
      {},
      [0.001, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 60],
    ),
    upstreamThrottled: make.counter(
      'berth_upstream_throttled_total',
      'Questions answered 429 or 503 in place of an upstream registry, to keep its limits.',
      { reason: UPSTREAM_THROTTLES },
    ),

    // The process
    configReloads: make.counter(
      'berth_config_reloads_total',
      'Reloads of each part of the configuration, by result.',
      { part: RELOAD_PARTS, result: RELOAD_RESULTS },
    ),
    configLastReloadSuccessful: make.gauge(
      'berth_config_last_reload_successful',
      '1 where what the files say is in force; 0 where they are wrong or need a restart.',
      { part: RELOAD_PARTS },
    ),
    configLastReloadSuccess: make.gauge(
      'berth_config_last_reload_success_timestamp_seconds',
      'When this part was last taken up, Unix time; at first the start.',
      { part: RELOAD_PARTS },
    ),
    tlsCertificateNotAfter: make.gauge(
      'berth_tls_certificate_not_after_timestamp_seconds',
      'When the first of the served certificates expires, Unix time; 0 without TLS.',
      {},
      Math.min,
    ),
    stuck: make.gauge('berth_stuck', 'What stands still although nobody outside is to be waited for.', {
      kind: STUCK_KINDS,
    }),
    stuckSeconds: make.gauge(
      'berth_stuck_seconds',
      'For how long the longest of it has stood still.',
      { kind: STUCK_KINDS },
      Math.max,
    ),
    draining: make.gauge('berth_draining', '1 from the signal to stop until the end.', {}, Math.max),
    workers: make.gauge(
      'berth_workers',
      'Worker processes, by state; none with `workers: 1`, where one process does all.',
      { state: ['starting', 'running'] },
    ),
    workerRestarts: make.counter(
      'berth_worker_restarts_total',
      'Worker processes that ended by themselves or hung, and were replaced.',
      {},
    ),
  };
}

/** The requests every instance will see: listing all combinations would be thousands of lines that never move. */
function* usualRequests(): Generator<
  Labels<{ server: typeof SERVERS; route: typeof ROUTES; method: typeof METHODS; code: typeof CODES }>
> {
  for (const method of ['GET', 'HEAD'] as const) {
    for (const code of ['200', '401', '404', '502'] as const) {
      for (const route of ['ping', 'token', 'tags', 'manifest', 'blob'] as const) {
        yield { server: 'login_server', route, method, code };
      }
    }
    yield { server: 'login_server', route: 'blob', method, code: '307' };
    for (const code of ['200', '206', '403', '416', '499', '502'] as const) {
      yield { server: 'data_endpoint', route: 'blob', method, code };
    }
  }
}
