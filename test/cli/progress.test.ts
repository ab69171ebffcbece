import t from 'tap';
import { createProgress, formatBar, formatBytes } from '../../src/cli/progress.ts';

t.test('a bar fits its line', async (t) => {
  const bar = { label: 'team/app:1 sha256:abc', total: 2048, done: 512 };
  t.equal(
    formatBar(bar, 80),
    'team/app:1 sha256:abc  [=======                      ]   25 %  512 B of 2.0 KiB',
  );
  for (let columns = 0; columns < 200; columns += 1) {
    t.ok(formatBar(bar, columns).length <= Math.max(0, columns - 1), `${columns} columns`);
  }
  t.match(formatBar({ label: 'x', total: 0, done: 0 }, 80), /100 %/);
  t.match(formatBar({ label: 'x', total: 10, done: 20 }, 80), /100 %/);
});

t.test('bytes in the units of people', async (t) => {
  t.equal(formatBytes(0), '0 B');
  t.equal(formatBytes(1023), '1023 B');
  t.equal(formatBytes(1536), '1.5 KiB');
  t.equal(formatBytes(5 * 1024 ** 4), '5.0 TiB');
  t.equal(formatBytes(5 * 1024 ** 5), '5120.0 TiB');
});

t.test('bars are drawn over each other, ten times a second at most', async (t) => {
  let now = 0;
  const written: string[] = [];
  const progress = createProgress({ columns: 80, write: (text) => written.push(text), now: () => now });
  const one = progress.begin('one', 100);
  const two = progress.begin('two', 100);
  t.equal(
    written.filter((text) => text.startsWith('\u001b[1F')).length,
    1,
    'the first picture was taken away',
  );
  written.length = 0;
  one.advance(10);
  t.equal(written.length, 0, 'too soon');
  now += 100;
  two.advance(20);
  const [away = '', ...picture] = written;
  t.equal(away, '\u001b[2F\u001b[J');
  t.match(picture.join(''), /^one .*10 %.*\ntwo .*20 %.*\n$/);
  one.end();
  two.end();
  written.length = 0;
  progress.clear();
  t.same(written, [], 'nothing is left to take away');
});

t.test('not on a terminal: nothing', async (t) => {
  const progress = createProgress({
    columns: undefined,
    write: () => t.fail('written'),
    now: () => 0,
  });
  const bar = progress.begin('one', 1);
  bar.advance(1);
  bar.end();
  progress.clear();
});
