import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { loadConfig } from '../../src/config/load.ts';
import { formatChallenge, parseChallenges } from '../../src/http/challenge.ts';
import { parseContentRange, parseRange, resolveRange } from '../../src/http/range.ts';
import { parseProxyHeader } from '../../src/listener/proxy-protocol.ts';
import { allowedMethods, parseRoute } from '../../src/oci/route.ts';
import { openTicket } from '../../src/ticket/open-ticket.ts';
import { sealTicket } from '../../src/ticket/seal-ticket.ts';
import { openUpload, sealUpload } from '../../src/ticket/seal-upload.ts';
import { generateTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { proxyV2 } from '../listener/proxy-header.ts';
import { NOW_SECONDS, sampleTicket } from '../ticket/sample-ticket.ts';
import { mutated } from './mutations.ts';

export type FuzzTarget = {
  readonly name: string;
  readonly property: fc.IRawProperty<unknown, false>;
};

const HEX = '0123456789abcdef'.repeat(4);
const root = join(import.meta.dirname, '../..');

function target<T>(name: string, inputs: fc.Arbitrary<T>, holds: (input: T) => void): FuzzTarget {
  return { name, property: fc.property(inputs, holds) };
}

const routes = target(
  'path parser',
  mutated([
    '/v2/',
    '/v2/_catalog',
    '/oauth2/token',
    `/v2/team/app/blobs/sha256:${HEX}`,
    '/v2/team/app/manifests/latest',
    '/v2/team/app/tags/list',
    `/v2/a/referrers/sha512:${HEX}${HEX}`,
    '/v2/a/b/blobs/uploads/abc_-',
  ]),
  (path) => {
    const route = parseRoute(path);
    if (route.kind === 'unknown' || route.kind === 'invalid') return;
    assert.ok(allowedMethods(route).length > 0);
    // Nothing that another parser could read differently may be in an accepted path.
    assert.match(path, /^[A-Za-z0-9/_.:%-]+$/);
    assert.doesNotMatch(path, /\/\.{1,2}(\/|$)|\/\/|%(?!3a)/i);
  },
);

const ranges = target(
  'range parser',
  mutated([
    'bytes=0-0',
    'bytes=500-',
    'bytes=-500',
    'bytes=0-1,5-9,-3',
    'BYTES=1-2',
    'bytes 0-9/10',
    'bytes */10',
  ]),
  (value) => {
    const parsed = parseRange(value);
    for (const spec of parsed.kind === 'ranges' ? parsed.specs : []) {
      const range = resolveRange(spec, 1000);
      if (range === undefined) continue;
      assert.ok(
        range.firstPos >= 0 && range.firstPos <= range.lastPos && range.lastPos < 1000,
        JSON.stringify(range),
      );
    }
    const stated = parseContentRange(value);
    if (stated?.kind === 'range') assert.ok(stated.firstPos <= stated.lastPos);
  },
);

const challenges = target(
  'challenge parser',
  mutated([
    'Bearer realm="https://auth.example/token",service="a",scope="repository:a/b:pull,push"',
    'Basic realm="a\\"b", Bearer realm="x"',
    'Negotiate abc==, Digest qop="auth, auth-int"',
  ]),
  (value) => {
    for (const challenge of parseChallenges(value)) {
      assert.match(challenge.scheme, /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/);
      let formatted: string;
      try {
        formatted = formatChallenge(challenge);
      } catch (error) {
        // Documented: a value that no field can carry.
        assert.ok(error instanceof TypeError);
        continue;
      }
      assert.doesNotMatch(formatted, /[\r\n\0]/);
    }
  },
);

const keys = generateTicketKeys();
const where = { dataEndpoint: 'contoso.eastus.data.registry.example', registry: 'contoso' };
const ticket = sealTicket(keys, sampleTicket());

const tickets = target('ticket opener', mutated([ticket, `?${ticket}`]), (query) => {
  const opened = openTicket(keys, query, where, NOW_SECONDS);
  if (opened.kind === 'refused') return;
  // Only what was sealed opens, whatever the order or spelling of its four parameters.
  const given = new URLSearchParams(query);
  for (const [name, value] of new URLSearchParams(ticket)) assert.equal(given.get(name), value);
});

const uploadUrl = '/v2/team/app/blobs/uploads/1?_state=abc%3D';
const upload = sealUpload(keys, { registry: 'contoso', repository: 'team/app', url: uploadUrl });

const uploads = target('upload location opener', mutated([upload]), (text) => {
  const opened = openUpload(keys, { registry: 'contoso', repository: 'team/app' }, text);
  if (opened.kind === 'ok') assert.equal(text, upload);
});

const v2 = [
  proxyV2('192.0.2.1', 5000),
  proxyV2('2001:db8::1', 5000),
  proxyV2('192.0.2.1', 1, { tlv: Buffer.alloc(9) }),
];

const proxyHeaders = target(
  'PROXY header',
  fc.tuple(
    mutated([
      'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET',
      'PROXY UNKNOWN\r\n',
      ...v2.map((b) => b.toString('latin1')),
    ]),
    fc.nat(200),
  ),
  ([text, cut]) => {
    const bytes = Buffer.from(text, 'latin1');
    const whole = parseProxyHeader(bytes);
    if (whole.kind === 'header') {
      assert.ok(whole.length > 0 && whole.length <= bytes.length);
      assert.ok((whole.source?.port ?? 0) <= 65_535);
    }
    // What is decided on a part is not undone by more bytes.
    const part = parseProxyHeader(bytes.subarray(0, Math.min(cut, bytes.length)));
    if (part.kind !== 'incomplete') assert.deepEqual(part, whole);
  },
);

const examples = ['berth.yaml', 'sidecar.yaml'].map((name) =>
  readFileSync(join(root, 'config', name), 'utf8'),
);

const configurations = target('configuration loader', mutated(examples), (text) => {
  const result = loadConfig({ text, fileName: 'berth.yaml', env: {} });
  if (result.kind === 'ok') return;
  assert.ok(result.problems.length > 0);
  for (const { message, line, column } of result.problems) {
    assert.ok(message.length > 0 && line >= 1 && column >= 1, JSON.stringify({ message, line, column }));
  }
});

export const TARGETS: readonly FuzzTarget[] = [
  routes,
  ranges,
  challenges,
  tickets,
  uploads,
  proxyHeaders,
  configurations,
];
