import type { TestRequest, TestResponse } from '../../support/http-client.ts';
import { type Cell, HELD_FROM, judge, requestOf, type Seen } from './cells.ts';
import type { MatrixScene } from './scene.ts';

export type Strike = {
  strike(scene: MatrixScene): void | Promise<void>;
  mend(scene: MatrixScene): void | Promise<void>;
};

export type CellOutcome = {
  readonly cell: Cell;
  /** While the fault lasts. */
  readonly seen: Seen;
  /** Who was there first, where the blob was being filled. */
  readonly leader: Seen | undefined;
  /** The same request when the fault is gone. */
  readonly after: Seen;
  /** The whole blob, asked for next. */
  readonly whole: Seen;
  /** The whole and the first request once more: a client that has met a contradiction, or wrong bytes, has come back. */
  readonly healed: Seen;
};

type Running = {
  readonly cell: Cell;
  readonly seen: Promise<Seen>;
  readonly leader: Promise<Seen> | undefined;
};

/** All cells of one fault at once: what each of them sees while the fault lasts, and what afterwards. */
export async function runFault(
  scene: MatrixScene,
  cells: readonly Cell[],
  fault: Strike,
): Promise<readonly CellOutcome[]> {
  const urls = new Map<Cell, string>();
  for (const cell of cells) urls.set(cell, await scene.ticketUrl(cell.digest));
  const send = (cell: Cell, request: TestRequest): Promise<TestResponse | undefined> =>
    scene.berth.client.send(urls.get(cell) ?? '', request).catch(() => undefined);
  const ask = async (cell: Cell, onAnswered?: () => void): Promise<Seen> => {
    const request = { ...requestOf(cell.method), ...(onAnswered && { onAnswered }) };
    return judge(cell.method, cell.blob, await send(cell, request));
  };
  const askWhole = async (cell: Cell): Promise<Seen> => judge('GET', cell.blob, await send(cell, {}));

  /** A fill that waits for its third piece, read by another client and by the cell's own. */
  async function begin(cell: Cell): Promise<Running> {
    const held = scene.origin.hold(cell.digest, HELD_FROM);
    const leader = askWhole(cell);
    await held;
    const { promise, resolve } = Promise.withResolvers<void>();
    const seen = ask(cell, resolve);
    await Promise.race([promise, seen]);
    return { cell, seen, leader };
  }

  const filling = await Promise.all(cells.filter(({ state }) => state === 'filling').map(begin));
  // The length of what is there in part is known: somebody has asked for it, or for the blob, before.
  const known = cells.filter(({ state, method }) => state === 'partial' && method !== 'HEAD');
  await Promise.all(known.map((cell) => send(cell, { method: 'HEAD' })));
  await fault.strike(scene);
  const others = cells
    .filter(({ state }) => state !== 'filling')
    .map((cell): Running => ({ cell, seen: ask(cell), leader: undefined }));
  scene.origin.release();
  const running = [...filling, ...others];
  await Promise.all(running.map(({ seen, leader }) => leader ?? seen));
  await Promise.all(running.map(({ seen }) => seen));
  await fault.mend(scene);
  return Promise.all(
    running.map(async ({ cell, seen, leader }) => ({
      cell,
      seen: await seen,
      leader: await leader,
      after: await ask(cell),
      whole: await askWhole(cell),
      healed: bothOf(await askWhole(cell), await ask(cell)),
    })),
  );
}

export function bothOf(whole: Seen, own: Seen): Seen {
  return whole === own ? own : `${whole}, ${own}`;
}
