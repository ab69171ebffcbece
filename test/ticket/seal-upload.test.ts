import * as fc from 'fast-check';
import t from 'tap';
import { MAX_UPLOAD_LOCATION_LENGTH } from '../../src/oci/route.ts';
import { sealTicket } from '../../src/ticket/seal-ticket.ts';
import { openUpload, sealUpload } from '../../src/ticket/seal-upload.ts';
import { generateTicketKeys, rotateTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { repositoryOf, sampleTicket } from './sample-ticket.ts';

const keys = generateTicketKeys();
const where = { registry: 'contoso', repository: repositoryOf('team/app') };
const url =
  'https://contoso.azurecr.io/v2/team/app/blobs/uploads/9f2c?_nouploadcache=false&_state=AbC_d-%2B%3D';

t.test('an upload location comes back byte by byte', (t) => {
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true }), (any) => {
      const text = sealUpload(keys, { ...where, url: any });
      const opened = openUpload(keys, where, text);
      return /^[A-Za-z0-9_-]+$/.test(text) && opened.kind === 'ok' && opened.url === any;
    }),
  );
  t.same(openUpload(keys, where, sealUpload(keys, { ...where, url })), { kind: 'ok', url });
  t.end();
});

t.test('each refusal has its reason', (t) => {
  const text = sealUpload(keys, { ...where, url });
  const ticket = sealTicket(keys, sampleTicket()).split('&t=')[1] ?? '';
  const rows = [
    ['another registry', 'wrong_registry', keys, { ...where, registry: 'fabrikam' }, text],
    [
      'another repository',
      'wrong_repository',
      keys,
      { ...where, repository: repositoryOf('team/api') },
      text,
    ],
    ['a ticket', 'bad_signature', keys, where, ticket],
    ['keys of another fleet', 'unknown_key', generateTicketKeys(), where, text],
    ['nothing', 'malformed', keys, where, ''],
    ['too long', 'malformed', keys, where, 'A'.repeat(MAX_UPLOAD_LOCATION_LENGTH + 1)],
  ] as const;
  for (const [name, reason, by, at, shown] of rows) {
    t.same(openUpload(by, at, shown), { kind: 'refused', reason }, name);
  }
  t.equal(openUpload(rotateTicketKeys(keys), where, text).kind, 'ok', 'a rotation does not end it');
  t.end();
});

t.test('any altered character is refused, and no text throws', (t) => {
  const text = sealUpload(keys, { ...where, url });
  for (let index = 0; index < text.length; index += 1) {
    const altered = text.slice(0, index) + (text[index] === 'A' ? 'B' : 'A') + text.slice(index + 1);
    if (openUpload(keys, where, altered).kind === 'ok') t.fail(`opened with ${index} altered`);
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (any) => openUpload(keys, where, any).kind === 'refused'),
  );
  t.end();
});

t.test('a location that is too long to come back is not handed out', (t) => {
  const longest = `https://u.example/${'x'.repeat(6000)}`;
  t.same(openUpload(keys, where, sealUpload(keys, { ...where, url: longest })), { kind: 'ok', url: longest });
  t.throws(() => sealUpload(keys, { ...where, url: `${longest}${'x'.repeat(200)}` }), {
    code: 'upload_url_too_long',
    message: /^((?!xxx).)*$/,
  });
  t.end();
});
