import tap from 'tap';

import { parseCpuTicks, parseStatusBytes } from '../../bench/process-figures.ts';

await tap.test('CPU ticks are found behind a name with spaces and parentheses', async (t) => {
  const stat = '42 (a) (b c) S 1 42 42 0 -1 4194560 100 0 0 0 123 45 9 9 20 0 11 0 100 1000 10';
  t.equal(parseCpuTicks(stat), 168);
});

await tap.test('a line of status is bytes', async (t) => {
  const status = 'Name:\tnode\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n';
  t.equal(parseStatusBytes(status, 'VmRSS'), 1_048_576);
  t.equal(parseStatusBytes(status, 'VmHWM'), 2_097_152);
  t.equal(parseStatusBytes(status, 'VmSwap'), 0);
});
