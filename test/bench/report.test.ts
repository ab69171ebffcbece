import tap from 'tap';

import { formatReport } from '../../bench/report.ts';

const MEBIBYTE = 1024 ** 2;

function stream(cpuSecondsPerGibibyte: number): {
  cpuSecondsPerGibibyte: number;
  gibibytesPerSecond: number;
  peakBytes: number;
} {
  return { cpuSecondsPerGibibyte, gibibytesPerSecond: 1.5, peakBytes: 300 * MEBIBYTE };
}

await tap.test('ratios are taken within a round, not between medians', async (t) => {
  const report = formatReport({
    machine: {
      date: '2026-11-24',
      revision: 'abc1234',
      processor: 'processor',
      cores: 2,
      memoryGibibytes: 8,
      kernel: '6.1',
      loadAverage: 0.1,
      node: 'v26.0.0',
      openssl: '3.5',
      nginx: 'nginx/1.22',
      curl: 'curl 7.88',
    },
    inMemory: true,
    options: {
      rounds: 3,
      blobMebibytes: 256,
      downloads: 16,
      concurrency: 4,
      slowClients: 100,
      slowKibibytesPerSecond: 256,
      slowSeconds: 20,
      output: undefined,
    },
    baseline: 'nginx',
    verification: { on: 'Berth', off: 'nginx' },
    streams: new Map([
      ['nginx', [stream(1), stream(2), stream(4)]],
      ['Berth', [stream(2), stream(2), stream(2)]],
    ]),
    hash: [0.5, 0.5, 0.5],
    slow: new Map([
      [
        'Berth',
        {
          idleBytes: 100 * MEBIBYTE,
          medianBytes: 140 * MEBIBYTE,
          peakBytes: 150 * MEBIBYTE,
          deliveredBytes: 1,
        },
      ],
    ]),
    rules: [
      { one: 1, many: 2 },
      { one: 2, many: 2 },
      { one: 4, many: 2 },
    ],
  });

  t.match(report, '| nginx | 2.00 (1.00–4.00) | 1.00 (1.00–1.00) | 1.50 (1.50–1.50) | 300 |');
  t.match(report, '| Berth | 2.00 (2.00–2.00) | 1.00 (0.50–2.00) | 1.50 (1.50–1.50) | 300 |');
  t.match(report, '| sha256 alone | 0.50 (0.50–0.50) | 0.25 (0.13–0.50) |  |  |');
  t.match(report, 'Verification adds 0.00 (-2.00–1.00) CPU s/GiB');
  t.match(report, '| Berth | 100 | 140 | 150 | 0.50 |');
  t.match(report, '| 1 rule | 2.00 (1.00–4.00) | 1.00 (1.00–1.00) |');
  t.match(report, '| 10,000 rules | 2.00 (2.00–2.00) | 1.00 (0.50–2.00) |');
});
