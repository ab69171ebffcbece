import t from 'tap';
import { formatErrorResponse } from '../../src/listener/send-error.ts';
import { ociError } from '../../src/oci/error.ts';
import { parseResponse } from './fixture.ts';

t.test('an answer for a connection without a request: whole, and the last one', (t) => {
  const error = ociError('SIZE_INVALID', {
    status: 431,
    message: 'zu groß',
    headers: { 'retry-after': '1' },
  });
  const text = formatErrorResponse(error, 'id-1');
  const { status, headers, body } = parseResponse(text);
  t.match(text, /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/);
  t.equal(status, 431);
  t.same(Object.fromEntries(headers), {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'docker-distribution-api-version': 'registry/2.0',
    'x-request-id': 'id-1',
    'cache-control': 'no-store',
    'retry-after': '1',
    connection: 'close',
  });
  t.same(JSON.parse(body), {
    errors: [{ code: 'SIZE_INVALID', message: 'zu groß', detail: { requestId: 'id-1' } }],
  });
  t.end();
});
