import t from 'tap';
import { LINGER_MS } from '../../../src/blob/fill/fill-linger.ts';
import { BODY_RESUME_LIMITS } from '../../../src/blob/resume.ts';
import { UpstreamFailure } from '../../../src/upstream/failure.ts';
import { randomContent } from '../../support/contract/blob-store.ts';
import type { MemorySource, SourceFault } from '../../support/memory-source.ts';
import {
  type FillScene,
  mustOpen,
  nothingLeft,
  openFillScene,
  outcomes,
  PIECE_BYTES,
  read,
  until,
} from './fill-scene.ts';

const content = randomContent(24 * PIECE_BYTES + 7);
const LENGTH = content.bytes.length;

/** What passes, and the word that it is counted under. */
const PASSING: readonly [string, SourceFault, string][] = [
  ['cut', { cutAfter: 1500 }, 'cut'],
  ['reset before the header section', { refuses: 'connection_terminated' }, 'cut'],
  ['stalled', { cutAfter: 1500, cutBy: 'connection_read_timeout' }, 'stall'],
  ['stalled before the header section', { refuses: 'http_response_timeout' }, 'stall'],
  ['refused', { refuses: 'connection_refused' }, 'unreachable'],
  ['without a name', { refuses: 'dns_error' }, 'unreachable'],
  ['busy', { status: 503 }, 'busy'],
  ['throttled', { status: 429 }, 'busy'],
  ['408', { status: 408 }, 'server_error'],
  ['500', { status: 500 }, 'server_error'],
  ['a wrong range', { headers: { 'content-range': `bytes 1-4096/${LENGTH}` } }, 'wrong_answer'],
];

async function readWhole(scene: FillScene, source: MemorySource, upTo?: number) {
  return read(scene.pool, await mustOpen(scene.join(content, source)), upTo);
}

for (const [name, fault, reason] of PASSING) {
  t.test(`${name} now and then: one body, no byte twice, after a wait`, async (t) => {
    const scene = await openFillScene(t, { limits: { maxWidth: 1 } });
    const source = scene.source(content, {
      // Twice in a row: what it is sent first may be tried again at once, by the way to a kept connection.
      fault: ({ index }) => (index > 1 && index % 7 < 2 ? fault : undefined),
    });
    const reading = await readWhole(scene, source);
    t.strictSame(await reading.ended, { kind: 'end', matches: true });
    t.ok(reading.bytes().equals(content.bytes));
    t.equal(source.sent.bytes - wasted(source, fault), LENGTH);
    t.ok(scene.waits.length > 0);
    await nothingLeft(scene);
    const counted = new RegExp(`berth_blob_resumes_total\\{reason="${reason}"\\} [1-9]`);
    t.match(await scene.metrics.text(), counted);
  });
}

/** Bytes of bodies that nobody read, since their header section said what they are: one chunk at most. */
function wasted(source: MemorySource, fault: SourceFault): number {
  return fault.headers === undefined && fault.status === undefined
    ? 0
    : Math.max(0, source.sent.bytes - LENGTH);
}

t.test('Retry-After is waited for, within bounds; waits grow without progress', async (t) => {
  const scene = await openFillScene(t, { limits: { maxWidth: 1 } });
  const source = scene.source(content, {
    fault: ({ index }) =>
      index === 3
        ? { status: 503, headers: { 'retry-after': '7' } }
        : index > 5 && index < 9
          ? { status: 500 }
          : undefined,
  });
  const reading = await readWhole(scene, source);
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  // Half of each ceiling, by the dice of the scene. What follows are looks at pieces that may be slow.
  t.strictSame(scene.waits.slice(0, 4), [7000, 50, 100, 200]);
  await nothingLeft(scene);
});

t.test('a request too many: its host is not asked before its Retry-After, though others run', async (t) => {
  const rests: { milliseconds: number; fire: () => void }[] = [];
  const scene = await openFillScene(t, {
    limits: { maxWidth: 2 },
    setTimer(milliseconds, fire) {
      const rest = { milliseconds, fire };
      if (milliseconds >= 7000) rests.push(rest);
      const turn = milliseconds < 7000 && milliseconds !== LINGER_MS ? setImmediate(fire) : undefined;
      return () => {
        clearImmediate(turn);
        rests.splice(rests.indexOf(rest) >>> 0, 1);
      };
    },
  });
  const source = scene.source(content, {
    // The one that is still open is not over when this one is refused.
    fault: ({ index }) => (index === 2 ? { status: 503, headers: { 'retry-after': '7' } } : undefined),
  });
  const reading = await readWhole(scene, source);
  await until(() => rests.length === 1 && source.open.count === 0, 'it rests, and the others have ended');
  t.equal(rests[0]?.milliseconds, 7000);
  const { length } = source.requests;
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  t.equal(source.requests.length, length, 'nobody asks');
  rests.pop()?.fire();
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  t.ok(reading.bytes().equals(content.bytes));
  await nothingLeft(scene);
});

t.test('a longer Retry-After than that leads elsewhere, or to the end', async (t) => {
  const scene = await openFillScene(t, { limits: { maxWidth: 1 } });
  const busy = scene.source(content, {
    fault: ({ index }) => (index > 0 ? { status: 503, headers: { 'retry-after': '3600' } } : undefined),
  });
  const reading = await readWhole(scene, busy);
  const end = await reading.ended;
  t.ok(end.kind === 'failed' && (end.failure as UpstreamFailure).status === 503);
  t.equal(busy.requests.length, 2);
  await nothingLeft(scene);
});

t.test('a host that is gone is tried so often and no more; readers get what is there', async (t) => {
  const scene = await openFillScene(t, { limits: { maxWidth: 1 } });
  const source = scene.source(content, {
    fault: ({ index }) => (index > 2 ? { refuses: 'connection_refused' } : undefined),
  });
  const reading = await readWhole(scene, source);
  const end = await reading.ended;
  t.ok(end.kind === 'failed' && (end.failure as UpstreamFailure).kind === 'connection_refused');
  t.equal(reading.bytes().length, 3 * PIECE_BYTES);
  t.equal(source.requests.length, 3 + BODY_RESUME_LIMITS.triesWithoutProgress + 1);
  await nothingLeft(scene);
  t.strictSame(await outcomes(scene), { failed: 1 });
});

t.test('a host that is gone leads to another one at once', async (t) => {
  const scene = await openFillScene(t, { limits: { maxWidth: 1 } });
  const gate = { end: 5 * PIECE_BYTES };
  let isGone = false;
  const dying = scene.source(content, { gate, fault: () => (isGone ? { status: 500 } : undefined) });
  const sound = scene.source(content, { origin: 'https://two.test' });
  const first = await readWhole(scene, dying);
  await until(() => first.bytes().length === gate.end, 'it stands still');
  const second = await readWhole(scene, sound);
  isGone = true;
  gate.end = LENGTH;
  for (const reading of [first, second]) {
    t.strictSame(await reading.ended, { kind: 'end', matches: true });
    t.ok(reading.bytes().equals(content.bytes));
  }
  t.ok(sound.sent.bytes > 0);
  t.equal(dying.sent.bytes + sound.sent.bytes - wasted(dying, { status: 500 }), LENGTH);
  await nothingLeft(scene);
});

t.test('requests that fail side by side are one failure of their host', async (t) => {
  // By a clock that stands still twice as many requests are twice as fast: how many run does not depend on the machine.
  const scene = await openFillScene(t, { resumeLimits: { triesWithoutProgress: 1 } });
  const large = randomContent(120 * PIECE_BYTES);
  let stuck = 0;
  let isCut = false;
  const source = scene.source(large, {
    chunkBytes: 512,
    // Once several run at once, all that do break off together.
    fault() {
      if (isCut || (stuck === 0 && source.open.count < 3)) return undefined;
      stuck += 1;
      return { cutWhen: () => isCut };
    },
  });
  const reading = read(scene.pool, await mustOpen(scene.join(large, source)));
  await until(() => stuck >= 2 && source.open.count === stuck, 'all that run stand still');
  isCut = true;
  t.strictSame(await reading.ended, { kind: 'end', matches: true }, `${stuck} at once`);
  t.ok(reading.bytes().equals(large.bytes));
  await nothingLeft(scene);
});

t.test('who has nothing yet is told what is wrong; who has begun waits on', async (t) => {
  const scene = await openFillScene(t, { limits: { maxWidth: 1 } });
  let isDown = false;
  let downs = 0;
  const source = scene.source(content, {
    fault: ({ firstPos }) => {
      if (!isDown && firstPos < 4 * PIECE_BYTES) return undefined;
      downs += 1;
      return downs > 6 ? undefined : { status: 500 };
    },
  });
  const begun = await readWhole(scene, source);
  const range = { kind: 'int' as const, firstPos: 20 * PIECE_BYTES, lastPos: 21 * PIECE_BYTES };
  isDown = true;
  const refusal = await t.rejects(scene.join(content, source, { range }));
  t.match(refusal, { kind: 'http_request_error', status: 500 });
  t.strictSame(await begun.ended, { kind: 'end', matches: true });
  t.ok(begun.bytes().equals(content.bytes));
  await nothingLeft(scene);
});

t.test('a signature that runs out is renewed, once for all requests; the body goes on', async (t) => {
  let now = 0;
  const scene = await openFillScene(t, { now: () => (now += 0.01) });
  const large = randomContent(100 * PIECE_BYTES);
  let renewals = 0;
  const fresh = scene.source(large, { origin: 'https://two.test' });
  const source = scene.source(large, {
    fault: ({ index }) => (index > 12 ? { status: 403 } : undefined),
    async renew() {
      renewals += 1;
      await new Promise(setImmediate);
      return fresh;
    },
  });
  const reading = read(scene.pool, await mustOpen(scene.join(large, source)));
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  t.ok(reading.bytes().equals(large.bytes));
  t.equal(renewals, 1);
  t.ok(fresh.requests.length > 0);
  await nothingLeft(scene);
});

t.test('a signature that is about to run out is renewed beforehand', async (t) => {
  let now = 0;
  const scene = await openFillScene(t, { now: () => now, limits: { maxWidth: 1 } });
  const fresh = scene.source(content, { expiresAt: 3_600_000 });
  const gate = { end: 3 * PIECE_BYTES };
  const source = scene.source(content, { gate, expiresAt: 60_000, renew: async () => fresh });
  const reading = await readWhole(scene, source);
  await until(() => reading.bytes().length === gate.end, 'it stands still');
  const before = source.requests.length;
  now = 50_001;
  gate.end = LENGTH;
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  t.ok(source.requests.length <= before + 1);
  t.ok(fresh.requests.length > 0);
  await nothingLeft(scene);
});

t.test('no credentials, or a refusal: the readers end short, as the source said', async (t) => {
  for (const renew of [
    async () => undefined,
    () => Promise.reject(new UpstreamFailure('http_request_error', 'registry', 'no', { status: 401 })),
  ]) {
    const scene = await openFillScene(t, { limits: { maxWidth: 1 } });
    const source = scene.source(content, {
      renew,
      fault: ({ index }) => (index > 3 ? { status: 403 } : undefined),
    });
    const reading = await readWhole(scene, source);
    const end = await reading.ended;
    t.ok(end.kind === 'failed' && end.failure instanceof UpstreamFailure);
    t.equal(source.requests.length, 5);
    await nothingLeft(scene);
  }
});

t.test('renewals that bring nothing end', async (t) => {
  const scene = await openFillScene(t, { limits: { maxWidth: 1 } });
  let renewals = 0;
  const stale = (): MemorySource =>
    scene.source(content, {
      fault: () => ({ status: 403 }),
      async renew() {
        renewals += 1;
        return stale();
      },
    });
  t.match(await t.rejects(scene.join(content, stale())), { status: 403 });
  t.ok(renewals >= 1 && renewals <= 3, `${renewals} renewals`);
  await nothingLeft(scene);
});

t.test('the same host is asked for the same body by If-Match, another one is not', async (t) => {
  const scene = await openFillScene(t, { limits: { maxWidth: 1 } });
  const first = scene.source(content, {
    etag: () => '"0x8D1"',
    fault: ({ index }) => (index > 4 ? { status: 404 } : undefined),
  });
  const second = scene.source(content, { origin: 'https://two.test', etag: () => 'W/"weak"' });
  const reading = await readWhole(scene, first, 1);
  const other = await readWhole(scene, second);
  t.strictSame(await other.ended, { kind: 'end', matches: true });
  t.strictSame(
    first.requests.slice(0, 3).map(({ ifMatch }) => ifMatch),
    [undefined, '"0x8D1"', '"0x8D1"'],
  );
  t.ok(second.requests.every(({ ifMatch }) => ifMatch === undefined));
  reading.blob.cancel();
  await nothingLeft(scene);
});

t.test('an ETag that changes is a failure once; then the digest alone decides', async (t) => {
  const scene = await openFillScene(t, { limits: { maxWidth: 1 } });
  let name = 1;
  const source = scene.source(content, {
    etag: () => `"${name}"`,
    fault({ index }) {
      if (index > 3) name = index;
      return undefined;
    },
  });
  const reading = await readWhole(scene, source);
  t.strictSame(await reading.ended, { kind: 'end', matches: true });
  t.ok(reading.bytes().equals(content.bytes));
  t.equal(source.requests.filter(({ ifMatch }) => ifMatch !== undefined).length, 4);
  await nothingLeft(scene);
  t.match(await scene.metrics.text(), /berth_blob_resumes_total\{reason="changed"\} 1/);
});

t.test('a clock that is set amid the tries of a fill changes nothing of them', async (t) => {
  for (const step of [3_600_000, -3_600_000]) {
    let wall = 1_800_000_000_000;
    const scene = await openFillScene(t, { unixNow: () => wall, limits: { maxWidth: 1 } });
    const source = scene.source(content, {
      fault({ index }) {
        wall += step;
        return index % 2 === 0 ? { cutAfter: 100 } : undefined;
      },
    });
    const reading = await readWhole(scene, source);
    t.strictSame(await reading.ended, { kind: 'end', matches: true });
    t.ok(reading.bytes().equals(content.bytes));
    await nothingLeft(scene);
  }
});
