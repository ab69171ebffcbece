import { join } from 'node:path';
import t, { type Test } from 'tap';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { createTestAuthority } from '../support/ca.ts';
import { TEST_LIMITS } from '../support/config-defaults.ts';
import { pseudoRandomBytes } from '../support/image.ts';
import { testDirectory } from '../support/test-directory.ts';
import { BLOB_BYTES, judge, METHODS, requestOf } from './matrix/cells.ts';
import { type Act, openResumeScene, type ResumeScene } from './resuming.ts';

/**
 * The fault matrix of fills, with a second source: two clients share a fill, their tickets name two storage hosts, and the first
 * host is broken from its second answer on and stays so. Each client gets one body, whatever it asked for.
 */
type Fault = Act | { strike(scene: ResumeScene): void | Promise<void> };

const PIECE_BYTES = 64 * 1024;
const MIDDLE = BLOB_BYTES / 2;
const PATIENCE = {
  connectSeconds: 5,
  headersSeconds: 1,
  commitSeconds: 30,
  idleSeconds: 1,
  requestHeadersSeconds: 5,
  drainSeconds: 1,
};
const authority = await createTestAuthority();
t.teardown(() => authority.remove());
const bad = await authority.issue(['elsewhere.example']);

const ROWS: Readonly<Record<string, Fault>> = {
  refused: { strike: ({ one }) => one.refuse() },
  reset: { endsAt: 0, how: 'reset' },
  'no answer': { endsAt: 0 },
  silence: { silent: true },
  'cut in the middle': { endsAt: MIDDLE },
  'reset in the middle': { endsAt: MIDDLE, how: 'reset' },
  'cut at the last byte': { endsAt: BLOB_BYTES - 1 },
  stall: { endsAt: MIDDLE, how: 'stall' },
  trickle: { endsAt: MIDDLE, how: 'trickle' },
  'another range': { shifted: true },
  'length too long': { otherLength: 1000 },
  'length too short': { otherLength: -1000 },
  'ignores Range': { ignoresRange: true },
  'ignores Range and is cut': { ignoresRange: true, endsAt: MIDDLE },
  'another body': {
    strike({ one }) {
      one.etag = '"0x8DOTHER"';
    },
  },
  'false certificate': { strike: ({ one }) => one.present(bad) },
  ...Object.fromEntries([401, 403, 404, 408, 412, 429, 500, 503].map((status) => [status, { status }])),
};

async function openScene(t: Test, name: string): Promise<ResumeScene> {
  return openResumeScene(t, {
    authority,
    blob: pseudoRandomBytes(`fill matrix ${name}`, BLOB_BYTES),
    registry: { authorizationTtlSeconds: 0 },
    config: {
      timeouts: PATIENCE,
      limits: { ...TEST_LIMITS, upstreamMinBytesPerSecond: 1024 },
      cache: {
        ...NO_BLOB_CACHE,
        memoryMaxBytes: 1024 * 1024,
        directory: join(testDirectory(t), 'cache'),
        pieceBytes: PIECE_BYTES,
      },
    },
  });
}

async function proveRow(t: Test, name: string, fault: Fault): Promise<void> {
  const scene = await openScene(t, name);
  const { one, other, links } = scene;
  const urls = [await scene.ticketUrl()];
  links.next = () => other.url();
  urls.push(await scene.ticketUrl());
  const struck = Promise.withResolvers<void>();
  const strike = async (): Promise<void> => {
    if ('strike' in fault) await fault.strike(scene);
    else one.act = fault;
  };
  one.acts.push({ sent: () => void strike().then(struck.resolve, struck.reject) });
  const ask = async (url: string | undefined, method: (typeof METHODS)[number]): Promise<string> => {
    const answer = await scene.send(url ?? '', requestOf(method)).catch(() => undefined);
    return judge(method, scene.blob, answer);
  };
  const seen = await Promise.all([
    ask(urls[0], 'GET'),
    ask(urls[1], 'GET'),
    ask(urls[0], 'range'),
    ask(urls[1], 'multi-range'),
  ]);
  t.strictSame(seen, ['ok', 'ok', 'ok', 'ok'], name);
  await struck.promise;
}

t.test('K8 each fault amid a fill, with a second source: one body, and the right one', (t) => {
  t.jobs = 3;
  for (const [name, fault] of Object.entries(ROWS)) {
    t.test(name, { buffered: true }, (t) => proveRow(t, name, fault));
  }
  t.end();
});
