import assert from 'node:assert/strict';
import t from 'tap';
import { randomContent } from '../../../support/contract/blob-store.ts';
import {
  type FillScene,
  nothingLeft,
  openFillScene,
  PIECE_BYTES,
  type Reading,
  read,
  until,
} from '../fill-scene.ts';
import { explore } from './explore.ts';
import { createFillModel } from './fill-model.ts';
import { RULES, SMALL } from './fill-state.ts';
import { createScriptedSource, type ScriptedSource } from './scripted-source.ts';

/** Of the model's states: the events that lead there, played to the real fill. Some 20 ms each. */
const REPLAYS = 80;

type Seat = { readonly abort: AbortController; readonly life: Promise<void>; reading: Reading | undefined };

async function replay(
  scene: FillScene,
  events: readonly string[],
  lies: readonly boolean[],
): Promise<number> {
  const content = randomContent(2 * PIECE_BYTES);
  const wrong = Buffer.from(content.bytes);
  wrong.writeUInt8(wrong.readUInt8(PIECE_BYTES + 5) ^ 1, PIECE_BYTES + 5);
  const sources = lies.map((isLiar, index) =>
    createScriptedSource(isLiar ? wrong : content.bytes, `https://source${index}.test`, PIECE_BYTES),
  );
  const seats = new Map<number, Seat>();
  let played = 0;

  function sit(index: number, source: ScriptedSource): Seat {
    const abort = new AbortController();
    const seat: Seat = { abort, reading: undefined, life: live() };
    async function live(): Promise<void> {
      const wanted = { source, range: undefined, knownLength: content.bytes.length, signal: abort.signal };
      const joined = await scene.fills.join({ digest: content.digest, ...wanted }).catch(() => undefined);
      if (joined?.kind !== 'content') return;
      const reading = read(scene.pool, joined);
      seats.set(index, { ...seat, reading });
      abort.signal.addEventListener('abort', () => joined.cancel());
      if (abort.signal.aborted) joined.cancel();
      const end = await Promise.race([reading.ended, leaving(abort.signal)]);
      if (end?.kind !== 'end' || end.matches === false) return;
      assert.ok(reading.bytes().equals(content.bytes), 'a wrong whole was called right');
    }
    return seat;
  }

  for (const event of events) {
    const [what = '', first = '', , second = ''] = event.split(' ');
    const source = sources[Number(second)];
    if (what === 'join') {
      const index = Number(first);
      seats.set(index, sit(index, sources[index] as ScriptedSource));
      played += 1;
    } else if (what === 'leave') seats.get(Number(first))?.abort.abort(new Error('gone'));
    else if (what === 'renewed' || what === 'no') for (const one of sources) one.renewed(what === 'renewed');
    else if ((what === 'land' || what === 'cut' || what === 'expire') && source?.act(Number(first), what))
      played += 1;
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  }
  // Whatever has happened: from here on all is well, and then everybody comes to an end.
  for (const source of sources) source.release();
  let isOver = false;
  void Promise.all([...seats.values()].map(({ life }) => life)).finally(() => {
    isOver = true;
  });
  await until(() => isOver, `every reader ends after: ${events.join(', ')}`);
  await until(
    () => {
      scene.fireTimers();
      return scene.fills.size === 0;
    },
    `the fill ends after: ${events.join(', ')}`,
  );
  await nothingLeft(scene);
  await scene.store.remove(content.digest);
  const partial = await scene.store.openPartial(content.digest, content.bytes.length, 'contoso');
  await partial?.discard();
  return played;
}

function leaving(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined));
  });
}

for (const lies of [
  [false, false],
  [true, false],
] as const) {
  t.test(`the real fill goes the ways of the model: ${lies[0] ? 'one lies' : 'all honest'}`, async (t) => {
    const { paths } = explore(createFillModel(RULES, { ...SMALL, hedges: 0, lies }), 500_000);
    const scene = await openFillScene(t);
    const every = Math.ceil(paths.length / REPLAYS);
    let played = 0;
    for (let index = 0; index < paths.length; index += every) {
      played += await replay(scene, paths[index] ?? [], lies);
    }
    t.ok(played > REPLAYS, `${played} events of ${REPLAYS} ways`);
  });
}
