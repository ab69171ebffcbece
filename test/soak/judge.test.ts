import t from 'tap';
import { createReport } from '../e2e/report.ts';
import { isSettled, judge, memoryRise } from './judge.ts';
import { FAULT_KINDS } from './link.ts';
import { formatReport } from './report-markdown.ts';
import type { SoakOutcome } from './soak.ts';
import type { Held } from './watch.ts';

const MIB = 1024 * 1024;

const HELD: Held = {
  at: 0,
  rssBytes: 200 * MIB,
  heapBytes: 50 * MIB,
  descriptors: 40,
  connections: 0,
  bufferBytes: 0,
  fills: 0,
  partialBytes: 0,
  publishedBytes: 60 * MIB,
  requests: 0,
  uploads: 0,
};

function quiet(after: Partial<Held> = {}, diskBytes = 61 * MIB): SoakOutcome['quiet'] {
  return [{ name: 'berth 1', before: HELD, after: { ...HELD, ...after }, diskBytes }];
}

function rising(mib: number): SoakOutcome['lasting'] {
  const samples = [0, 1, 2, 3, 4].map((at) => ({
    ...HELD,
    at: at * 150_000,
    rssBytes: (200 + at * mib) * MIB,
  }));
  return [{ name: 'berth 1', samples }];
}

const GOOD: SoakOutcome = {
  tally: { done: new Map([['pull', 5]]), failedTries: new Map([['no_answer', 2]]), wrong: [], broken: [] },
  faults: new Map([['redis', new Map(FAULT_KINDS.map((kind) => [kind, 1]))]]),
  disturbances: new Map([['kill', 1]]),
  disturbanceFailures: [],
  unfinished: [],
  pauses: 3,
  clientResumes: 1,
  complaints: [],
  looks: 100,
  lasting: rising(0),
  quiet: quiet(),
  metrics: [
    {
      name: 'berth 1',
      text: 'berth_fills_total{result="published"} 7\nberth_fills_total{result="kept"} 0\n',
    },
  ],
  faultsOfItsOwn: [],
  images: 9,
  seconds: 60,
};

async function failuresOf(outcome: SoakOutcome): Promise<string[]> {
  const lines: string[] = [];
  await judge(
    outcome,
    createReport((line) => lines.push(line)),
  );
  return lines.flatMap((line) => /FAILED soak: ([^(]+) \(/.exec(line)?.[1] ?? []);
}

t.test('a run in which everything held', async (t) => {
  t.same(await failuresOf(GOOD), []);
});

const { tally } = GOOD;
const BROKEN: readonly (readonly [what: string, outcome: Partial<SoakOutcome>])[] = [
  ['never a wrong byte', { tally: { ...tally, wrong: ['pull x: byte 3'] } }],
  ['never a wrong byte', { tally: { ...tally, done: new Map() } }],
  ['every client is done once the faults pause', { unfinished: ['pull x'] }],
  ['every client is done once the faults pause', { tally: { ...tally, broken: ['pull x: oh'] } }],
  ['always ready, and nothing stands still', { complaints: ['berth 1: /readyz 503'] }],
  ['no failure of its own', { faultsOfItsOwn: ['{"status":500}'] }],
  ['no failure of its own', { disturbanceFailures: ['gc: exit code 1'] }],
  ['every fault has happened', { faults: new Map([['redis', new Map([['cut', 0]])]]) }],
  ['what was lent is back', { quiet: quiet({ bufferBytes: 65_536 }) }],
  ['what was lent is back', { quiet: quiet({ fills: 1 }) }],
  ['what was lent is back', { quiet: quiet({ partialBytes: 1 }) }],
  ['what was lent is back', { quiet: quiet({ connections: 1 }) }],
  ['what was lent is back', { quiet: quiet({}, 80 * MIB) }],
  ['handles are as before', { quiet: quiet({ descriptors: 90 }) }],
  ['memory does not rise', { quiet: quiet({ rssBytes: 500 * MIB }) }],
  ['memory does not rise', { lasting: rising(40) }],
];

for (const [what, change] of BROKEN) {
  t.test(`${what}: ${Object.keys(change).join()}`, async (t) => {
    t.same(await failuresOf({ ...GOOD, ...change }), [what]);
  });
}

t.test('the report has what was counted, and no counter that is 0', async (t) => {
  const settings = { seconds: 60, seed: 42 } as Parameters<typeof formatReport>[0];
  const text = formatReport(settings, GOOD, []);
  t.match(text, /\| seed \| 42 \|/);
  t.match(text, /\| revision \| ([0-9a-f]{7,}|unknown) \|/);
  t.match(text, /all of it held/);
  t.match(text, /\| `berth_fills_total\{result="published"\}` \| 7 \|/);
  t.notMatch(text, /result="kept"/);
  t.match(text, /\| redis \|( 1 \|){9}/);
  t.match(formatReport(settings, GOOD, ['memory: 3']), /\*\*failed\*\*: memory: 3/);
});

t.test('garbage that waits for its collection is no rise of memory, in a short run either', async (t) => {
  // Four minutes of a saw: every half minute its garbage is collected, the later the more of it.
  const samples = Array.from({ length: 120 }, (_, index) => ({
    ...HELD,
    at: index * 2000,
    rssBytes: (200 + (index % 15) * (1 + index / 10)) * MIB,
  }));
  t.ok(memoryRise(samples) < MIB);
  const leak = samples.map((held, index) => ({ ...held, rssBytes: held.rssBytes + index * 2 * MIB }));
  t.ok(memoryRise(leak) > 20 * MIB, 'and a leak still is');
});

t.test('what is settled is what the end allows', async (t) => {
  t.ok(isSettled(HELD, { ...HELD, rssBytes: 300 * MIB, descriptors: 60 }));
  t.notOk(isSettled(HELD, { ...HELD, rssBytes: 500 * MIB }));
  t.notOk(isSettled(HELD, { ...HELD, descriptors: 90 }));
});
