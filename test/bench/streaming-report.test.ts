import tap from 'tap';

import { describeStreaming } from '../../bench/streaming-report.ts';

const MEBIBYTE = 1024 ** 2;

function stream(cpuSecondsPerGibibyte: number): {
  cpuSecondsPerGibibyte: number;
  gibibytesPerSecond: number;
  peakBytes: number;
} {
  return { cpuSecondsPerGibibyte, gibibytesPerSecond: 1.5, peakBytes: 300 * MEBIBYTE };
}

await tap.test('ratios are taken within a round, not between medians', async (t) => {
  const { markdown: text, figures } = describeStreaming({
    options: { rounds: 3, blobMebibytes: 256, downloads: 16, concurrency: 4 },
    transport: 'plain',
    baseline: 'nginx',
    verification: { on: 'Berth', off: 'nginx' },
    streams: new Map([
      ['nginx', [stream(1), stream(2), stream(4)]],
      ['Berth', [stream(2), stream(2), stream(2)]],
    ]),
    hash: [0.5, 0.5, 0.5],
  });

  t.match(text, '| nginx | 2.00 (1.00–4.00) | 0.80 (0.67–0.89) | 1.50 (1.50–1.50) | 300 |');
  t.match(text, '| Berth | 2.00 (2.00–2.00) | 0.80 (0.44–1.33) | 1.50 (1.50–1.50) | 300 |');
  t.match(text, '| sha256 alone | 0.50 (0.50–0.50) | 0.20 (0.11–0.33) |  |  |');
  t.match(text, '| nginx at its best + sha256 | 2.50 (1.50–4.50) | 1.00 (1.00–1.00) |  |  |');
  t.match(text, 'within 1.3 times');
  t.match(figures, [
    { row: 'nginx', metric: 'CPU', unit: 's/GiB', better: 'less', median: 2, low: 1, high: 4 },
    { row: 'nginx', metric: 'throughput' },
    { row: 'nginx', metric: 'peak resident memory', median: 300 },
    { row: 'Berth', metric: 'CPU', ratio: { to: 'nginx at its best + sha256', median: 0.8 } },
  ]);
  t.match(text, 'Verification adds 0.00 (-2.00–1.00) CPU s/GiB');
});
