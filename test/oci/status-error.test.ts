import tap from 'tap';
import { OCI_ERRORS } from '../../src/oci/error.ts';
import { STATUS_ERRORS, type StatusWithoutCode, statusError } from '../../src/oci/status-error.ts';

const isStatus = (status: number): status is StatusWithoutCode => Object.hasOwn(STATUS_ERRORS, status);

await tap.test('each status is answered with its code and a sentence', (t) => {
  for (const key of Object.keys(STATUS_ERRORS)) {
    const status = Number(key);
    if (!isStatus(status)) throw new Error(`unreachable: ${key}`);
    const error = statusError(status);
    t.equal(error.status, status);
    t.ok(Object.hasOwn(OCI_ERRORS, error.code), `${status} has a listed code`);
    t.match(error.clientMessage, /^[A-Z].*\.$/, `${status} has a sentence`);
  }
  t.end();
});

await tap.test('an outage claims no absence and is none that a client takes as final', (t) => {
  const final = ['UNSUPPORTED', 'DENIED', 'UNAUTHORIZED', 'TOOMANYREQUESTS', 'NAME_UNKNOWN'];
  for (const status of [408, 500, 502, 503, 504] as const) {
    const { code } = statusError(status);
    t.notMatch(code, /_UNKNOWN$/, `${status} claims no absence`);
    t.notOk(final.includes(code), `${status} may be tried again`);
  }
  t.end();
});

await tap.test('the caller may add to it', (t) => {
  const cause = new Error('for the log');
  const error = statusError(416, {
    message: 'The blob has 5 bytes.',
    headers: { 'content-range': 'bytes */5' },
    detail: { size: 5 },
    cause,
  });
  t.equal(error.status, 416);
  t.equal(error.code, 'SIZE_INVALID');
  t.equal(error.clientMessage, 'The blob has 5 bytes.');
  t.strictSame(error.headers, { 'content-range': 'bytes */5' });
  t.strictSame(error.detail, { size: 5 });
  t.equal(error.cause, cause);
  t.end();
});
