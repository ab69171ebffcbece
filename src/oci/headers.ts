/** Names of the fields that Berth reads or writes, in lower case as Node gives them. */
export const HEADERS = {
  accept: 'accept',
  acceptRanges: 'accept-ranges',
  allow: 'allow',
  authorization: 'authorization',
  cacheControl: 'cache-control',
  contentLength: 'content-length',
  contentRange: 'content-range',
  contentType: 'content-type',
  dockerContentDigest: 'docker-content-digest',
  dockerDistributionApiVersion: 'docker-distribution-api-version',
  dockerUploadUuid: 'docker-upload-uuid',
  etag: 'etag',
  host: 'host',
  ifNoneMatch: 'if-none-match',
  ifRange: 'if-range',
  link: 'link',
  location: 'location',
  ociChunkMinLength: 'oci-chunk-min-length',
  ociFiltersApplied: 'oci-filters-applied',
  ociNamespace: 'oci-namespace',
  ociSubject: 'oci-subject',
  range: 'range',
  retryAfter: 'retry-after',
  warning: 'warning',
  wwwAuthenticate: 'www-authenticate',
  xRequestId: 'x-request-id',
} as const;

/** The value of `docker-distribution-api-version`. */
export const API_VERSION = 'registry/2.0';
