import * as fc from 'fast-check';
import t from 'tap';
import { openTicket } from '../../src/ticket/open-ticket.ts';
import { MAX_BEARER_BYTES, MAX_TICKET_CHARACTERS, sealTicket } from '../../src/ticket/seal-ticket.ts';
import { generateTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { NOW_SECONDS, repositoryOf, SAS_URL, sampleTicket } from './sample-ticket.ts';

const keys = generateTicketKeys();

t.test('what is sealed comes back whole', (t) => {
  const { registry, dataEndpoint } = sampleTicket();
  const source = fc.oneof(
    fc.record({
      kind: fc.constant('storage' as const),
      url: fc.webUrl({ withQueryParameters: true }),
      expiresAt: fc.option(fc.nat({ max: 2 ** 47 }), { nil: undefined }),
    }),
    fc.record({ kind: fc.constant('registry' as const), url: fc.webUrl({ withQueryParameters: true }) }),
  );
  const bearer = fc.option(fc.stringMatching(/^[A-Za-z0-9._~+/-]{1,400}={0,2}$/), { nil: undefined });
  fc.assert(
    fc.property(
      source,
      bearer,
      fc.option(fc.nat({ max: 2 ** 47 }), { nil: undefined }),
      fc.integer({ min: NOW_SECONDS + 1, max: 2 ** 47 }),
      (from, token, size, expiresAt) => {
        const ticket = sampleTicket({ source: from, bearer: token, size, expiresAt });
        const opened = openTicket(keys, sealTicket(keys, ticket), { registry, dataEndpoint }, NOW_SECONDS);
        t.same(opened, { kind: 'ok', ticket });
      },
    ),
  );
  t.end();
});

t.test('the storage URL keeps its bytes', (t) => {
  const hex = sampleTicket().digest.slice('sha256:'.length);
  for (const url of [
    SAS_URL,
    `https://s.example/${hex}//${hex}?x=%2B%2f+${hex.toUpperCase()}`,
    'https://s.example/',
  ]) {
    const ticket = sampleTicket({ source: { kind: 'registry', url } });
    const opened = openTicket(keys, sealTicket(keys, ticket), ticket, NOW_SECONDS);
    t.same(opened, { kind: 'ok', ticket }, url);
  }
  t.end();
});

t.test('only repository, digest and version are in the clear', (t) => {
  const ticket = sampleTicket({ bearer: 'very.secret.token' });
  const query = sealTicket(keys, ticket);
  t.match(query, /^r=team\/app\/backend&d=sha256:[0-9a-f]{64}&v=1&t=[A-Za-z0-9_-]+$/);
  const sealed = Buffer.from(query.slice(query.indexOf('&t=') + 3), 'base64url').toString('latin1');
  for (const secret of ['windows.net', 'sig=', 'very.secret.token', 'contoso', 'eastus']) {
    t.notOk(sealed.includes(secret), `${secret} is not readable`);
  }
  t.not(sealTicket(keys, ticket), query, 'the same ticket is never sealed to the same text twice');
  t.end();
});

t.test('a link without bearer stays under 1000 characters', (t) => {
  const delegation =
    '&skoid=11111111-2222-3333-4444-555555555555&sktid=11111111-2222-3333-4444-555555555555' +
    '&skt=2026-12-27T16%3A39%3A11Z&ske=2026-12-28T16%3A39%3A11Z&sks=b&skv=2018-03-28';
  t.ok(lengthOf(SAS_URL) < 750, `${lengthOf(SAS_URL)} characters for a service SAS`);
  t.ok(
    lengthOf(SAS_URL + delegation) < 950,
    `${lengthOf(SAS_URL + delegation)} characters for a user delegation SAS`,
  );
  t.end();
});

t.test('a bearer token of 3 KiB fits, a longer one does not', (t) => {
  const longest = sampleTicket({ bearer: 'x'.repeat(MAX_BEARER_BYTES) });
  t.ok(sealTicket(keys, longest).length < MAX_TICKET_CHARACTERS);
  t.same(openTicket(keys, sealTicket(keys, longest), longest, NOW_SECONDS), { kind: 'ok', ticket: longest });
  t.throws(() => sealTicket(keys, sampleTicket({ bearer: 'x'.repeat(MAX_BEARER_BYTES + 1) })), {
    code: 'bearer_too_long',
  });
  t.end();
});

t.test('Basic credentials and other header values are not sealed', (t) => {
  for (const bearer of ['Basic dXNlcjpwYXNz', 'Bearer abc', '', 'a\nb', 'ä']) {
    t.throws(
      () => sealTicket(keys, sampleTicket({ bearer })),
      { code: 'bearer_invalid' },
      JSON.stringify(bearer),
    );
  }
  t.end();
});

t.test('a ticket that would not open for its length is not sealed', (t) => {
  const url = `https://s.example/${'x'.repeat(7000)}`;
  t.throws(() => sealTicket(keys, sampleTicket({ source: { kind: 'registry', url } })), {
    code: 'ticket_too_long',
  });
  t.end();
});

t.test('the longest repository and a sha512 digest', (t) => {
  const ticket = sampleTicket({ repository: repositoryOf('a'.repeat(255)) });
  t.same(openTicket(keys, sealTicket(keys, ticket), ticket, NOW_SECONDS), { kind: 'ok', ticket });
  t.end();
});

t.test('what the parsers before must have refused is an error that shows no value', (t) => {
  const rows = [
    { source: { kind: 'registry', url: 'https://s.example/\nsecret' } },
    { region: 'east\0us' },
    { size: -1 },
    { expiresAt: 1.5 },
    { expiresAt: 2 ** 48 },
  ] as const;
  for (const changes of rows) {
    t.throws(() => sealTicket(keys, sampleTicket(changes)), RangeError);
    t.throws(() => sealTicket(keys, sampleTicket(changes)), {
      message: /^the ticket's (url|region|size|expiresAt) (?!.*secret)/,
    });
  }
  t.end();
});

function lengthOf(url: string): number {
  const ticket = sampleTicket({ source: { kind: 'storage', url, expiresAt: NOW_SECONDS } });
  return `https://${ticket.dataEndpoint}/?${sealTicket(keys, ticket)}`.length;
}
