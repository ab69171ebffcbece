import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { watchFiles } from '../../src/cli/watch-files.ts';

async function watch(t: Test, names: string[], directory: string) {
  const files = names.map((name) => join(directory, name));
  const seen = { changes: 0, ticks: [] as (() => void)[], stopped: false };
  const watch = watchFiles({
    files: () => files,
    onChange: () => {
      seen.changes += 1;
      return Promise.resolve();
    },
    repeat(act) {
      seen.ticks.push(act);
      return () => {
        seen.stopped = true;
      };
    },
  });
  t.teardown(() => watch.stop());
  /** So many looks, each to its end; how many changes they found. */
  const look = async (times: number): Promise<number> => {
    const before = seen.changes;
    for (let at = 0; at < times; at += 1) await watch.look();
    return seen.changes - before;
  };
  t.equal(await look(3), 1, 'how the files stand at first counts once');
  return { files, seen, look };
}

t.test('a change counts once, when it has stood for one look', async (t) => {
  const directory = t.testdir({ a: '1', b: '1' });
  const { look, seen } = await watch(t, ['a', 'b'], directory);
  t.equal(await look(3), 0);
  writeFileSync(join(directory, 'a'), '22');
  t.equal(await look(1), 0, 'seen, but perhaps half written');
  writeFileSync(join(directory, 'b'), '22');
  t.equal(await look(1), 0, 'the second file of the pair');
  t.equal(await look(5), 1);
  t.equal(seen.ticks.length, 1, 'one timer');
});

t.test('however a file is replaced', async (t) => {
  const directory = t.testdir({ file: '1' });
  const path = join(directory, 'file');
  const { look } = await watch(t, ['file'], directory);
  writeFileSync(`${path}.new`, '2');
  renameSync(`${path}.new`, path);
  t.equal(await look(2), 1, 'renamed over, of the same size');
  writeFileSync(path, '3');
  utimesSync(path, 1, 1);
  t.equal(await look(2), 1, 'with a time of the past');
  rmSync(path);
  t.equal(await look(2), 1, 'gone');
  writeFileSync(path, '4');
  t.equal(await look(2), 1, 'there again');
  chmodSync(path, 0o600);
  t.equal(await look(2), 1, 'refused for its mode, and that corrected');
});

t.test("Kubernetes' swap of the folder's link", async (t) => {
  const directory = t.testdir({});
  for (const version of ['..1', '..2']) {
    mkdirSync(join(directory, version));
    writeFileSync(join(directory, version, 'berth.yaml'), 'same size');
  }
  symlinkSync('..1', join(directory, '..data'));
  symlinkSync('..data/berth.yaml', join(directory, 'berth.yaml'));
  const { look } = await watch(t, ['berth.yaml'], directory);
  t.equal(await look(2), 0);
  symlinkSync('..2', join(directory, '..data_tmp'));
  renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
  t.equal(await look(2), 1);
  t.equal(await look(2), 0);
});

t.test('other files from now on are a change of their own', async (t) => {
  const directory = t.testdir({ a: '1', b: '1' });
  const { files, look } = await watch(t, ['a'], directory);
  files.push(join(directory, 'b'));
  t.equal(await look(2), 1, 'looked at once more, as nobody knows since when they are as they are');
  t.equal(await look(2), 0);
});

t.test('looks do not overlap, and stop', async (t) => {
  const directory = t.testdir({ a: '1' });
  const file = join(directory, 'a');
  const hold = Promise.withResolvers<void>();
  let running = 0;
  const watch = watchFiles({
    files: () => [file],
    onChange: async () => {
      running += 1;
      await hold.promise;
    },
    repeat: () => () => undefined,
  });
  await watch.look();
  const [one, other] = [watch.look(), watch.look()];
  t.equal(one, other);
  hold.resolve();
  await one;
  t.equal(running, 1);
  watch.stop();
});
