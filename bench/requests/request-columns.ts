import type { Column, RatioBase } from '../tabulate.ts';
import type { RequestFigures } from './measure-requests.ts';

/** CPU and rate of small requests; `ratio` is of the rate. */
export function requestColumns(ratio: { head: string; to: RatioBase }): readonly Column<RequestFigures>[] {
  return [
    {
      head: 'CPU µs per request',
      metric: 'CPU per request',
      unit: 'µs',
      better: 'less',
      digits: 0,
      value: ({ microsecondsPerRequest }) => microsecondsPerRequest,
    },
    {
      head: 'requests/s',
      metric: 'rate',
      unit: 'requests/s',
      better: 'more',
      digits: 0,
      value: ({ requestsPerSecond }) => requestsPerSecond,
      ratio,
    },
  ];
}
