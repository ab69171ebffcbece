import type { RequestFigures } from '../requests/measure-requests.ts';
import { cpuColumn } from '../requests/request-columns.ts';
import type { Column } from '../tabulate.ts';

const MEBIBYTE = 1024 ** 2;

export type StartFigures = { seconds: number; residentBytes: number };

/** CPU of one request, and how much more that is than in the first row. */
export function cpuColumns(firstRow: string): readonly Column<RequestFigures>[] {
  return [cpuColumn({ head: '× first row', to: { row: firstRow } })];
}

export const START_COLUMNS: readonly Column<StartFigures>[] = [
  {
    head: 'seconds to the first answer',
    metric: 'time to the first answer',
    unit: 's',
    better: 'less',
    value: ({ seconds }) => seconds,
  },
  {
    head: 'resident MiB',
    metric: 'resident memory',
    unit: 'MiB',
    better: 'less',
    digits: 0,
    value: ({ residentBytes }) => residentBytes / MEBIBYTE,
  },
];
