import * as fc from 'fast-check';
import tap from 'tap';
import {
  formatErrorDocument,
  OCI_ERRORS,
  OciError,
  type OciErrorCode,
  ociError,
} from '../../src/oci/error.ts';
import { holds } from '../support/property.ts';

/** distribution-spec, "Error Codes", code-1 to code-14. */
const SPEC_CODES = [
  'BLOB_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'BLOB_UPLOAD_UNKNOWN',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'SIZE_INVALID',
  'UNAUTHORIZED',
  'DENIED',
  'UNSUPPORTED',
  'TOOMANYREQUESTS',
] as const satisfies readonly OciErrorCode[];

await tap.test("the specification's codes, no other", (t) => {
  t.strictSame(Object.keys(OCI_ERRORS).toSorted(), SPEC_CODES.toSorted());
  for (const [code, { status, message }] of Object.entries(OCI_ERRORS)) {
    t.ok(status >= 400 && status < 500, `${code} has a 4XX status`);
    t.match(message, /^[A-Z].*\.$/, `${code} has a sentence`);
  }
  t.end();
});

await tap.test('status and message: the code has its own, the caller may say others', (t) => {
  const plain = ociError('NAME_INVALID');
  t.ok(plain instanceof OciError);
  t.ok(plain instanceof Error);
  t.equal(plain.name, 'OciError');
  t.equal(plain.status, 400);
  t.equal(plain.clientMessage, OCI_ERRORS.NAME_INVALID.message);
  t.equal(plain.detail, undefined);
  t.equal(plain.headers, undefined);
  t.equal(plain.cause, undefined);

  const cause = new Error('for the log');
  const special = ociError('UNSUPPORTED', {
    status: 404,
    message: 'No such path.',
    detail: { a: 1 },
    headers: { allow: 'GET' },
    cause,
  });
  t.equal(special.code, 'UNSUPPORTED');
  t.equal(special.status, 404);
  t.equal(special.clientMessage, 'No such path.');
  t.equal(special.message, 'No such path.');
  t.strictSame(special.headers, { allow: 'GET' });
  t.equal(special.cause, cause);
  t.end();
});

await tap.test('the document', (t) => {
  t.equal(
    formatErrorDocument(
      ociError('DENIED', { message: 'No.', detail: { a: 1, requestId: 'forged' } }),
      'id-1',
    ),
    '{"errors":[{"code":"DENIED","message":"No.","detail":{"a":1,"requestId":"id-1"}}]}',
  );
  t.notMatch(
    formatErrorDocument(ociError('DENIED', { cause: new Error('secret'), headers: { a: 'secret' } }), 'id-2'),
    /secret|stack/,
    'neither the cause nor fields',
  );
  t.end();
});

await tap.test('properties', (t) => {
  const detail = fc.dictionary(fc.string(), fc.jsonValue());
  holds(
    t,
    'any text makes a document of the one form',
    fc.property(
      fc.constantFrom(...SPEC_CODES),
      fc.string({ unit: 'binary' }),
      detail,
      fc.string(),
      (code, message, facts, id) => {
        const document: unknown = JSON.parse(
          formatErrorDocument(ociError(code, { message, detail: facts }), id),
        );
        const { errors } = document as {
          errors: [{ code: string; message: string; detail: { requestId: string } }];
        };
        return errors.length === 1 && errors[0].code === code && errors[0].detail.requestId === id;
      },
    ),
  );
  t.end();
});
