import * as fc from 'fast-check';
import t from 'tap';
import { openTicket } from '../../src/ticket/open-ticket.ts';
import { MAX_TICKET_CHARACTERS, sealTicket } from '../../src/ticket/seal-ticket.ts';
import { sealUpload } from '../../src/ticket/seal-upload.ts';
import { sealBox } from '../../src/ticket/sealed-box.ts';
import { formatTicketContent } from '../../src/ticket/ticket-content.ts';
import { generateTicketKeys, rotateTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { digestOf, NOW_SECONDS, sampleTicket } from './sample-ticket.ts';

const keys = generateTicketKeys();
const ticket = sampleTicket();
const query = sealTicket(keys, ticket);
const where = { registry: ticket.registry, dataEndpoint: ticket.dataEndpoint };

function reasonOf(text: string, place = where, nowSeconds = NOW_SECONDS, by = keys) {
  const result = openTicket(by, text, place, nowSeconds);
  return result.kind === 'ok' ? 'ok' : result.reason;
}

t.test('each refusal has its reason', (t) => {
  const [clear = '', sealed = ''] = query.split('&t=');
  const other = `sha256:${'0'.repeat(64)}`;
  const rows: [string, string, Parameters<typeof reasonOf>][] = [
    ['as sealed', 'ok', [query]],
    ['with a question mark', 'ok', [`?${query}`]],
    ['in another order', 'ok', [`t=${sealed}&${clear}`]],
    ['percent-encoded by the client', 'ok', [query.replaceAll(':', '%3A').replaceAll('/', '%2f')]],
    [
      'another host',
      'wrong_host',
      [query, { ...where, dataEndpoint: 'contoso.westus.data.registry.example' }],
    ],
    [
      'the same host, another port',
      'wrong_host',
      [query, { ...where, dataEndpoint: `${where.dataEndpoint}:8443` }],
    ],
    ['another registry', 'wrong_registry', [query, { ...where, registry: 'fabrikam' }]],
    ['another repository', 'wrong_repository', [query.replace('r=team/app', 'r=team/api')]],
    ['another blob', 'wrong_blob', [query.replace(ticket.digest, other)]],
    ['a second before its end', 'ok', [query, where, ticket.expiresAt - 1]],
    ['at its end', 'expired', [query, where, ticket.expiresAt]],
    ['keys of another fleet', 'unknown_key', [query, where, NOW_SECONDS, generateTicketKeys()]],
    [
      'an upload location',
      'bad_signature',
      [`${clear}&t=${sealUpload(keys, { ...ticket, url: 'https://u.example/' })}`],
    ],
    ['another version', 'malformed', [query.replace('&v=1', '&v=2')]],
    ['no repository', 'malformed', [query.replace(/r=[^&]*&/, '')]],
    ['no ticket', 'malformed', [clear]],
    ['an empty ticket', 'malformed', [`${clear}&t=`]],
    [
      'a cut ticket',
      'bad_signature',
      [`${clear}&t=${Buffer.from(sealed, 'base64url').subarray(0, -3).toString('base64url')}`],
    ],
    ['a ticket of a few bytes', 'malformed', [`${clear}&t=${sealed.slice(0, 40)}`]],
    ['a repository twice', 'malformed', [`${query}&r=team/api`]],
    ['a ticket twice', 'malformed', [`${query}&t=${sealed}`]],
    ['a parameter added', 'malformed', [`${query}&x=1`]],
    ['a bad repository name', 'malformed', [query.replace('r=team', 'r=Team')]],
    ['a digest of an unknown algorithm', 'malformed', [query.replace('d=sha256', 'd=sha1')]],
    ['padding', 'malformed', [`${query}%3D`]],
    ['a blank within', 'malformed', [query.replace('&t=', '&t=+')]],
    ['too long', 'malformed', [`${query}${'A'.repeat(MAX_TICKET_CHARACTERS)}`]],
    ['nothing', 'malformed', ['']],
  ];
  for (const [name, expected, args] of rows) t.equal(reasonOf(...args), expected, name);
  t.end();
});

t.test('any altered character is refused', (t) => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:';
  const start = query.indexOf('&t=') + 3;
  let tried = 0;
  for (let index = start; index < query.length; index += 1) {
    for (const character of alphabet) {
      if (character === query[index]) continue;
      const reason = reasonOf(query.slice(0, index) + character + query.slice(index + 1));
      if (reason === 'ok') t.fail(`opened with ${character} at ${index}`);
      tried += 1;
    }
  }
  fc.assert(
    fc.property(
      fc.nat({ max: query.length - 1 }),
      fc.constantFrom(...alphabet.split('')),
      (index, character) => {
        fc.pre(character !== query[index]);
        return reasonOf(query.slice(0, index) + character + query.slice(index + 1)) !== 'ok';
      },
    ),
    { numRuns: 2000 },
  );
  t.ok(tried > 30_000);
  t.end();
});

t.test('any flipped bit is refused', (t) => {
  const [clear = '', sealed = ''] = query.split('&t=');
  const box = Buffer.from(sealed, 'base64url');
  for (let bit = 0; bit < box.length * 8; bit += 1) {
    const flipped = Buffer.from(box);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const reason = reasonOf(`${clear}&t=${flipped.toString('base64url')}`);
    if (reason === 'ok') t.fail(`opened with bit ${bit} flipped`);
  }
  t.equal(reasonOf(`${clear}&t=${box.toString('base64url')}`), 'ok');
  t.end();
});

t.test('the sealed part of one ticket does not open beside the clear part of another', (t) => {
  const other = sampleTicket({ digest: digestOf(`sha512:${'ab'.repeat(64)}`) });
  const [, sealed = ''] = sealTicket(keys, other).split('&t=');
  t.equal(reasonOf(`${query.split('&t=')[0]}&t=${sealed}`), 'wrong_blob');
  t.end();
});

t.test('no text whatever makes it throw', (t) => {
  const [clear = ''] = query.split('&t=');
  const box = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('base64url'));
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({ maxLength: 300 }).map((tail) => `${clear}&t=${tail}`),
    box.map((sealed) => `${clear}&t=${sealed}`),
    fc
      .tuple(fc.nat({ max: query.length }), fc.string())
      .map(([at, more]) => query.slice(0, at) + more + query.slice(at)),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const reason = reasonOf(text);
      return (
        reason !== 'ok' || new URLSearchParams(text).toString() === new URLSearchParams(query).toString()
      );
    }),
    { numRuns: 2000 },
  );
  t.end();
});

t.test('authentic content of another form is malformed, not an error', (t) => {
  const [clear = ''] = query.split('&t=');
  const content = formatTicketContent(ticket);
  const withFlag = Buffer.from(content);
  withFlag[0] = 0x80;
  const noExpiry = Buffer.from(content);
  noExpiry.fill(0xff, 25, 31);
  const rows = [
    [withFlag, 'malformed'],
    [noExpiry, 'malformed'],
    [Buffer.concat([content, Buffer.from('\nmore')]), 'malformed'],
    [content.subarray(0, 43), 'malformed'],
    [content.subarray(0, 30), 'malformed'],
    [Buffer.alloc(0), 'wrong_host'],
    [content, 'ok'],
  ] as const;
  for (const [bytes, expected] of rows) {
    t.equal(reasonOf(`${clear}&t=${sealBox(keys, 'ticket/1', bytes)}`), expected, `${bytes.length} bytes`);
  }
  t.end();
});

t.test('tickets live on through rotations', (t) => {
  const once = rotateTicketKeys(keys);
  const twice = rotateTicketKeys(once);
  t.equal(reasonOf(query, where, NOW_SECONDS, twice), 'ok', 'an old ticket at a new replica');
  t.equal(reasonOf(sealTicket(once, ticket)), 'ok', 'a new ticket at a replica one file behind');
  t.equal(reasonOf(sealTicket(twice, ticket)), 'unknown_key', 'two files behind is too far');
  t.equal(reasonOf(query, where, NOW_SECONDS, rotateTicketKeys(keys, { keep: 0 })), 'unknown_key');
  t.end();
});
