import * as fc from 'fast-check';
import t from 'tap';
import { createFillModel } from './fill-model.ts';
import { createFillRig, type Fault, type FillRig } from './fill-rig.ts';
import { RULES, type Size } from './fill-state.ts';
import { type Followed, followModel } from './follow-model.ts';

/** More by hand: `BERTH_MODEL_RUNS=5000 npm test -- test/blob/fill/model/model-run.test.ts`; `BERTH_MODEL_SEED` repeats one. */
const RUNS = Number(process.env['BERTH_MODEL_RUNS'] ?? 100);
const SEED = process.env['BERTH_MODEL_SEED'];

/** Most can not happen when it is their turn, and are left out then. */
const MAX_COMMANDS = 300;

/** As the fill has them: `NEARLY_DONE_PIECES`, `MAX_FRUITLESS`. No hedge: five in a hundred of so few bytes are no piece. */
const REAL = { nearlyDone: 2, renewals: 3, renewsAgain: true, hedges: 0 };

const SIZES: readonly Size[] = [2, 3, 4].flatMap((pieces) =>
  [
    [false, false],
    [true, false],
    [true, true],
    [false, false, false],
    [false, true, false],
  ].map((lies) => ({ ...REAL, pieces, lies })),
);

/** Happens to the real fill and to the model, and then both are in the same place. */
class Happening implements fc.AsyncCommand<Followed, FillRig> {
  readonly event: string;

  constructor(event: string) {
    this.event = event;
  }

  check(model: Readonly<Followed>): boolean {
    return model.allows(this.event);
  }

  async run(model: Followed, real: FillRig): Promise<void> {
    real.play(this.event);
    model.saw(this.event, await real.settle());
  }

  toString(): string {
    return this.event;
  }
}

const readers = [0, 1, 2];
const requests = [0, 1, 2, 3].flatMap((piece) => readers.map((source) => `${piece} of ${source}`));
const of = (...events: string[]): fc.Arbitrary<Happening> =>
  fc.constantFrom(...events).map((event) => new Happening(event));

const happenings = fc.commands(
  [
    of(...readers.map((reader) => `join ${reader}`)),
    of(...readers.flatMap((reader) => [`leave ${reader}`, `pause ${reader}`, `resume ${reader}`])),
    of(...requests.map((request) => `land ${request}`)),
    of(...requests.map((request) => `cut ${request}`)),
    of(...requests.map((request) => `expire ${request}`)),
    of(...readers.map((source) => `wake ${source}`)),
    of('renewed', 'no credentials', 'linger', 'released'),
  ],
  { maxCommands: MAX_COMMANDS, size: 'max' },
);

function property(sizes: readonly Size[], fault?: Fault, counted = { events: 0 }) {
  return fc.asyncProperty(fc.constantFrom(...sizes), happenings, async (size, commands) => {
    const real = createFillRig(size.lies, size.pieces, fault);
    const model = followModel(createFillModel(RULES, size), size);
    await fc.asyncModelRun(() => ({ model, real }), commands);
    for (const { hasRan } of commands as Iterable<unknown> as Iterable<{ hasRan: boolean }>) {
      if (hasRan) counted.events += 1;
    }
    await real.finish();
  });
}

t.test('whatever happens, the real fill is where the model is', async (t) => {
  const counted = { events: 0 };
  const result = await fc.check(property(SIZES, undefined, counted), {
    numRuns: RUNS,
    ...(SEED !== undefined && { seed: Number(SEED) }),
  });
  t.comment(`${result.numRuns} runs, ${counted.events} events, seed ${result.seed}`);
  const found = { counterexample: fc.defaultReportMessage(result), error: String(result.errorInstance) };
  t.notOk(result.failed, 'any way', result.failed ? found : {});
});

for (const [what, size, events] of [
  [
    'a fresh link is no reason to ask for another one, though bytes came from elsewhere meanwhile',
    { ...REAL, pieces: 3, lies: [false, false, false] },
    'join 2,join 0,cut 0 of 2,wake 2,expire 0 of 0,expire 0 of 2,renewed,expire 0 of 0,join 1,land 0 of 1,renewed',
  ],
] as const) {
  t.test(`found once: ${what}`, async (t) => {
    const real = createFillRig(size.lies, size.pieces);
    const model = followModel(createFillModel(RULES, size), size);
    for (const event of events.split(',')) await new Happening(event).run(model, real);
    await real.finish();
    t.pass('nothing is left');
  });
}

const TWO: Size = { ...REAL, pieces: 2, lies: [false, false] };

for (const [fault, size, what, events] of [
  ['sleeps', TWO, 'does not come to an end', 2],
  ['believes', { ...TWO, lies: [true, true] }, 'wrong', 3],
  ['two owners', TWO, 'two owners', 2],
  ['keeps leavers', { ...TWO, pieces: 4 }, 'somebody waits for what has happened', 4],
] as const) {
  t.test(`a fault is found, and the fewest events that show it: ${fault}`, async (t) => {
    // The seed of what is looked for is no matter; that it is the same each time is.
    const result = await fc.check(property([size], fault), { numRuns: 100, seed: 1 });
    t.ok(result.failed);
    const fewest = fc.stringify(result.counterexample?.[1]);
    t.match(String(result.errorInstance), what, fewest);
    t.equal(fewest.split(',').length, events, fewest);
  });
}
