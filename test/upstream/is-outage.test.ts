import t from 'tap';
import { type FailureKind, UpstreamFailure } from '../../src/upstream/failure.ts';
import { isOutage, isOutageStatus } from '../../src/upstream/is-outage.ts';

t.test('an upstream that could not be asked, and one that said something', async (t) => {
  const failure = (kind: FailureKind, status?: number) =>
    new UpstreamFailure(kind, 'registry', 'x', status === undefined ? {} : { status });
  const outages: FailureKind[] = [
    'dns_error',
    'connection_refused',
    'http_response_timeout',
    'tls_alert_received',
  ];
  for (const kind of outages) t.ok(isOutage(failure(kind)), kind);
  t.ok(isOutage(failure('http_protocol_error', 429)));
  const others: FailureKind[] = [
    'redirect_refused',
    'address_refused',
    'content_too_large',
    'proxy_configuration_error',
    'http_protocol_error',
  ];
  for (const kind of others) {
    t.notOk(isOutage(failure(kind)), kind);
    t.notOk(isOutage(failure(kind, 401)), kind);
  }
  t.notOk(isOutage(new Error('a mistake of ours')));
  t.same(
    [200, 400, 401, 403, 404, 429, 500, 501, 502, 503, 504].filter(isOutageStatus),
    [429, 500, 502, 503, 504],
  );
});
