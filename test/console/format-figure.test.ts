import t from 'tap';
import { formatBytes, formatShare, formatSpan } from '../../src/console/format-figure.ts';

t.test('bytes', async (t) => {
  t.equal(formatBytes(0), '0 B');
  t.equal(formatBytes(1023), '1023 B');
  t.equal(formatBytes(1024), '1.0 KiB');
  t.equal(formatBytes(1024 ** 2 - 1), '1.0 MiB', 'not 1024 KiB');
  t.equal(formatBytes(10 * 1024 ** 3), '10 GiB');
  t.equal(formatBytes(2000 * 1024 ** 5), '2000 PiB');
});

t.test('time spans by their two largest units', async (t) => {
  t.equal(formatSpan(0), '0 s');
  t.equal(formatSpan(-5000), '0 s', 'a clock that was set back');
  t.equal(formatSpan(59_999), '59 s');
  t.equal(formatSpan(3_600_000), '1 h');
  t.equal(formatSpan(90_061_000), '1 d 1 h');
});

t.test('shares', async (t) => {
  t.equal(formatShare(1, 3, '–'), '33 %');
  t.equal(formatShare(0, 0, '–'), '–');
});
