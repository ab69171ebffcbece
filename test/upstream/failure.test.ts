import t from 'tap';
import { errors } from 'undici';
import { classifyFailure, UpstreamFailure } from '../../src/upstream/failure.ts';
import { failureToOciError } from '../../src/upstream/failure-to-oci-error.ts';

const coded = (code: string): Error => Object.assign(new Error('x'), { code });

t.test('errors in the words of RFC 9209', async (t) => {
  const rows: [unknown, string][] = [
    [coded('ENOTFOUND'), 'dns_error'],
    [coded('EAI_AGAIN'), 'dns_error'],
    [coded('ECONNREFUSED'), 'connection_refused'],
    [new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')]), 'connection_refused'],
    [coded('EHOSTUNREACH'), 'destination_ip_unroutable'],
    [coded('CERT_HAS_EXPIRED'), 'tls_certificate_error'],
    [coded('ERR_TLS_CERT_ALTNAME_INVALID'), 'tls_certificate_error'],
    [coded('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'), 'tls_alert_received'],
    [coded('ERR_SSL_WRONG_VERSION_NUMBER'), 'tls_protocol_error'],
    [new errors.ConnectTimeoutError(), 'connection_timeout'],
    [new errors.HeadersTimeoutError(), 'http_response_timeout'],
    [new errors.BodyTimeoutError(), 'connection_read_timeout'],
    [new errors.HeadersOverflowError(), 'http_response_header_section_size'],
    [new errors.SocketError(), 'connection_terminated'],
    [new errors.ResponseContentLengthMismatchError(), 'http_response_incomplete'],
    [new errors.RequestAbortedError(), 'connection_terminated'],
    [new DOMException('x', 'AbortError'), 'connection_terminated'],
    [new DOMException('x', 'TimeoutError'), 'http_response_timeout'],
    [coded('HPE_INVALID_CONSTANT'), 'http_protocol_error'],
    [coded('ERR_ADDRESS_REFUSED'), 'address_refused'],
    [coded('content_too_large'), 'content_too_large'],
    [new TypeError('x'), 'proxy_internal_error'],
    ['x', 'proxy_internal_error'],
    [null, 'proxy_internal_error'],
  ];
  for (const [error, kind] of rows) {
    const failure = classifyFailure(error, 'storage');
    t.match(failure, { name: 'UpstreamFailure', kind, where: 'storage' }, `${String(error)} is ${kind}`);
    t.equal(failure.cause, error ?? failure.cause);
  }
  const own = new UpstreamFailure('redirect_refused', 'registry', 'x');
  t.equal(classifyFailure(own, 'storage'), own, 'one that is classified stays as it is');
});

t.test('what the client is told: never 404', async (t) => {
  const rows: [UpstreamFailure, number, string | undefined][] = [
    [new UpstreamFailure('connection_refused', 'registry', 'secret'), 502, undefined],
    [new UpstreamFailure('connection_terminated', 'storage', 'secret'), 502, undefined],
    [new UpstreamFailure('tls_certificate_error', 'registry', 'secret'), 502, undefined],
    [new UpstreamFailure('redirect_refused', 'registry', 'secret'), 502, undefined],
    [new UpstreamFailure('address_refused', 'storage', 'secret'), 502, undefined],
    [new UpstreamFailure('http_response_timeout', 'registry', 'secret'), 504, undefined],
    [new UpstreamFailure('connection_timeout', 'token_service', 'secret'), 504, undefined],
    [new UpstreamFailure('connection_read_timeout', 'storage', 'secret'), 504, undefined],
    [new UpstreamFailure('http_response_too_slow', 'storage', 'secret'), 504, undefined],
    [new UpstreamFailure('connection_limit_reached', 'registry', 'secret'), 503, '1'],
    [new UpstreamFailure('http_protocol_error', 'token_service', 'secret', { status: 404 }), 502, undefined],
    [new UpstreamFailure('destination_unavailable', 'registry', 'secret', { status: 500 }), 502, undefined],
    [
      new UpstreamFailure('destination_unavailable', 'registry', 'secret', {
        status: 503,
        retryAfterSeconds: 9,
      }),
      503,
      '9',
    ],
    [
      new UpstreamFailure('http_protocol_error', 'token_service', 'secret', {
        status: 429,
        retryAfterSeconds: 7,
      }),
      429,
      '7',
    ],
  ];
  for (const [failure, status, retryAfter] of rows) {
    const error = failureToOciError(failure);
    t.equal(error.status, status, failure.kind);
    t.equal(error.headers?.['retry-after'], retryAfter, failure.kind);
    t.equal(error.cause, failure);
    t.same(error.detail, { reason: failure.kind, upstream: failure.where });
    t.notMatch(error.clientMessage, /secret/);
    t.ok(error.clientMessage.length > 20);
  }
});
