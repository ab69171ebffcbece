// Child of the benchmark, for a Node that does not compile: `node --jitless calls.js CALLS` does each of some small things of Berth
// CALLS times within one script of `node:vm`, which is where instructions are counted, and prints their names as JSON.
import vm from 'node:vm';

import { parseChallenges } from '../../src/http/challenge.ts';
import { parseRange } from '../../src/http/range.ts';
import { satisfiableRanges } from '../../src/http/satisfiable-ranges.ts';
import { parseRoute } from '../../src/oci/route.ts';
import { parseBasicCredentials } from '../../src/policy/basic-credentials.ts';
import { openTicket } from '../../src/ticket/open-ticket.ts';
import { sealTicket } from '../../src/ticket/seal-ticket.ts';
import { parseTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { parseTokenDocument } from '../../src/upstream/token-document.ts';
import { NOW_SECONDS, sampleTicket } from '../../test/ticket/sample-ticket.ts';

/** Code has been parsed and has seen its types by then. */
const WARM_UP = 50;
const BLOB_BYTES = 100_000_000;
const TOKEN_CHARACTERS = 1200;
/** As many as a pull of a zstd:chunked layer asks for at a time. */
const RANGES = 20;

// Always the same key: counts must not hang on its bytes.
const keys = parseTicketKeys(`k1 ${Buffer.alloc(32, 7).toString('base64')}`);
const ticket = sampleTicket();
const query = sealTicket(keys, ticket);
const path = `/v2/team/app/backend/blobs/${ticket.digest}`;
const ranges = `bytes=${Array.from({ length: RANGES }, (_, at) => `${at * 4096}-${at * 4096 + 1023}`).join(',')}`;
const challenge =
  'Bearer realm="https://contoso.registry.example/oauth2/token",service="contoso.registry.example",scope="repository:team/app/backend:pull"';
const credentials = `Basic ${Buffer.from('contoso-robot:a-long-password-from-a-vault').toString('base64')}`;
const token = Buffer.from(JSON.stringify({ access_token: 't'.repeat(TOKEN_CHARACTERS), expires_in: 4800 }));

/** Each gives whether it has done what it is to do. */
const CALLS: Readonly<Record<string, () => boolean>> = {
  // What the loop itself takes: it is taken off the others.
  nothing: () => true,
  'a ticket sealed': () => sealTicket(keys, ticket).length > 0,
  'a ticket opened': () => openTicket(keys, query, ticket, NOW_SECONDS).kind === 'ok',
  'one range, parsed and resolved': () => resolve('bytes=1048576-2097151') === 1,
  [`${RANGES} ranges, parsed and resolved`]: () => resolve(ranges) === RANGES,
  "a blob's path, parsed": () => parseRoute(path).kind === 'blob',
  'a challenge for a bearer token, parsed': () => parseChallenges(challenge)[0]?.params.size === 3,
  'basic credentials, parsed': () => parseBasicCredentials(credentials)?.user === 'contoso-robot',
  "a token service's answer, parsed": () => parseTokenDocument(token).token.length === TOKEN_CHARACTERS,
};

function resolve(field: string): number {
  const parsed = parseRange(field);
  return parsed.kind === 'ranges' ? satisfiableRanges(parsed.specs, BLOB_BYTES).length : 0;
}

function repeat(name: string, call: () => boolean, count: number): void {
  for (let at = 0; at < count; at += 1) if (!call()) throw new Error(`${name} failed`);
}

const count = Number(process.argv[2]);
const counted = new vm.Script('countedCall()');
for (const [name, call] of Object.entries(CALLS)) {
  repeat(name, call, WARM_UP);
  Object.assign(globalThis, { countedCall: () => repeat(name, call, count) });
  counted.runInThisContext();
}
console.log(JSON.stringify(Object.keys(CALLS)));
