import type { Column, RatioBase } from '../tabulate.ts';
import type { RequestFigures } from './measure-requests.ts';

type Ratio = { head: string; to: RatioBase };

/** CPU of one request, beside that of another row. */
export function cpuColumn(ratio: Ratio): Column<RequestFigures> {
  return {
    head: 'CPU µs per request',
    metric: 'CPU per request',
    unit: 'µs',
    better: 'less',
    digits: 0,
    value: ({ microsecondsPerRequest }) => microsecondsPerRequest,
    ratio,
  };
}

/** CPU beside the best peer's, and the rate, beside that of one row where it is wanted. */
export function requestColumns(rate?: Ratio): readonly Column<RequestFigures>[] {
  return [
    cpuColumn({ head: '× best peer', to: 'best peer' }),
    {
      head: 'requests/s',
      metric: 'rate',
      unit: 'requests/s',
      better: 'more',
      digits: 0,
      value: ({ requestsPerSecond }) => requestsPerSecond,
      ...(rate === undefined ? {} : { ratio: rate }),
    },
  ];
}
