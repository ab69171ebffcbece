import type { StreamFigures } from './measure.ts';
import type { Column, RatioBase } from './tabulate.ts';

const MEBIBYTE = 1024 ** 2;

/** CPU, throughput and memory of downloads; `ratio` is of the CPU. */
export function streamColumns(ratio?: {
  head: string;
  to: RatioBase;
}): readonly Column<Partial<StreamFigures>>[] {
  return [
    {
      head: 'CPU s/GiB',
      metric: 'CPU',
      unit: 's/GiB',
      better: 'less',
      value: ({ cpuSecondsPerGibibyte }) => cpuSecondsPerGibibyte,
      ...(ratio === undefined ? {} : { ratio }),
    },
    {
      head: 'GiB/s',
      metric: 'throughput',
      unit: 'GiB/s',
      better: 'more',
      value: ({ gibibytesPerSecond }) => gibibytesPerSecond,
    },
    {
      head: 'peak resident MiB',
      metric: 'peak resident memory',
      unit: 'MiB',
      better: 'less',
      digits: 0,
      most: true,
      value: ({ peakBytes }) => (peakBytes === undefined ? undefined : peakBytes / MEBIBYTE),
    },
  ];
}
