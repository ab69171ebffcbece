import t from 'tap';
import { parseSize } from '../../src/config/parse-size.ts';

t.test('sizes in bytes', async (t) => {
  const sizes: readonly [string, number][] = [
    ['0', 0],
    ['4096', 4096],
    ['20GiB', 20 * 2 ** 30],
    ['1.5 MB', 1_500_000],
    ['4kB', 4000],
    ['4KiB', 4096],
    ['2TiB', 2 * 2 ** 40],
    ['1.0001B', 1],
  ];
  for (const [text, bytes] of sizes) t.equal(parseSize(text), bytes, text);
});

t.test('everything else is none', async (t) => {
  for (const text of [
    '',
    'GiB',
    '-1',
    '1 000',
    '20Gi',
    '1e3',
    '0x10',
    '1KB',
    '9007199254740993',
    '9000000TiB',
  ]) {
    t.equal(parseSize(text), undefined, text);
  }
});
