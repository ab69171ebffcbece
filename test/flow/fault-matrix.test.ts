import t, { type Test } from 'tap';
import { createTestAuthority } from '../support/ca.ts';
import { createCells, METHODS } from './matrix/cells.ts';
import { runKill } from './matrix/kill.ts';
import { formatMatrix } from './matrix/print-table.ts';
import { diskFullRow, type Expected, type FaultRow, KILLED, ROWS, tlsRow } from './matrix/rows.ts';
import { type CellOutcome, runFault } from './matrix/run-fault.ts';
import { openSeededScene, STORAGE_NAMES, seedCache } from './matrix/scene.ts';
import { diskFull, tlsFailure } from './matrix/strikes.ts';

const cells = createCells();
const authority = await createTestAuthority();
t.teardown(() => authority.remove());
const seed = await seedCache(t, authority, cells);
const seen = new Map<string, readonly CellOutcome[]>();

function expectedOf({ method, state }: CellOutcome['cell'], expected: Expected = {}): string {
  return expected[state]?.split(' ')[METHODS.indexOf(method)] ?? 'ok';
}

async function proveRow(t: Test, row: FaultRow, prepare?: (directory: string) => void): Promise<void> {
  const { fault, timeouts } = row;
  const scene = await openSeededScene(t, { authority, cells, seed, ...(timeouts && { timeouts }) }, prepare);
  check(t, row, await runFault(scene, cells, fault));
  await scene.stop();
}

function check(t: Test, row: Omit<FaultRow, 'fault'>, outcomes: readonly CellOutcome[]): void {
  const { name } = row;
  seen.set(name, outcomes);
  for (const { cell, ...words } of outcomes) {
    const where = `${name}, ${cell.method}, ${cell.state}`;
    const fits = (word: string, expected: string, when: string): void => {
      if (expected.includes('/')) t.ok(expected.split('/').includes(word), `${where}: ${word} ${when}`);
      else t.equal(word, expected, `${where}: ${when}`);
    };
    fits(words.seen, expectedOf(cell, row.seen), 'while it lasts');
    if (words.leader !== undefined) fits(words.leader, row.leader, 'whoever was there first');
    fits(words.after, expectedOf(cell, row.after), 'when it is gone');
    fits(words.whole, expectedOf(cell, row.whole), 'the whole after it');
    fits(words.healed, 'ok', 'whole and the same once more');
  }
}

t.test('each fault, in a scene of its own', (t) => {
  t.jobs = 3;
  for (const row of ROWS) t.test(row.name, { buffered: true }, (t) => proveRow(t, row));
  t.test('TLS failure', { buffered: true }, async (t) => {
    const good = await authority.issue([...STORAGE_NAMES]);
    const bad = await authority.issue(['other.example']);
    await proveRow(t, tlsRow(tlsFailure(good, bad)));
  });
  t.test('disk full', { buffered: true }, async (t) => {
    const fault = diskFull();
    await proveRow(t, diskFullRow(fault), (directory) => fault.prepare(directory));
  });
  t.test('process killed', { buffered: true }, async (t) => {
    const { outcomes, asked } = await runKill(t, { authority, cells, seed });
    check(t, KILLED, outcomes);
    for (const cell of cells) {
      // All ten pieces and the length. What was there before is there still, but for a piece whose record was being written.
      const most = { cold: 11, filling: 10, partial: 9, warm: 0 }[cell.state];
      t.ok(
        (asked.get(cell) ?? 0) <= most,
        `${cell.state}: storage was asked ${asked.get(cell)} times afterwards`,
      );
    }
  });
  t.end();
});

t.test('no wrong whole blob was completed', async (t) => {
  const words = [...seen.values()].flat().flatMap(({ cell: _cell, ...all }) => Object.values(all));
  t.equal(seen.size, ROWS.length + 3);
  t.strictSame(
    words.filter((word) => String(word).includes('WRONG')),
    [],
  );
  for (const line of formatMatrix(seen)) t.comment(line);
});
