import { parseArgs } from 'node:util';

export type Options = {
  rounds: number;
  blobMebibytes: number;
  /** Downloads of the whole blob per subject and round. */
  downloads: number;
  /** Downloads under way at once. */
  concurrency: number;
  slowClients: number;
  /** Speed of each slow client in KiB/s. */
  slowKibibytesPerSecond: number;
  slowSeconds: number;
  /** Markdown file to write; undefined: standard output only. */
  output: string | undefined;
};

/** Reads `argv`; throws with the flag's name where a value is not a whole number above zero. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: 'string', default: '5' },
      'blob-mib': { type: 'string', default: '256' },
      downloads: { type: 'string', default: '16' },
      concurrency: { type: 'string', default: '4' },
      'slow-clients': { type: 'string', default: '100' },
      'slow-kib': { type: 'string', default: '256' },
      'slow-seconds': { type: 'string', default: '20' },
      output: { type: 'string', default: 'docs/performance.md' },
      'no-output': { type: 'boolean', default: false },
    },
  });
  const count = (flag: keyof typeof values): number => {
    const value = Number(values[flag]);
    if (!Number.isInteger(value) || value < 1) {
      throw new Error(`--${flag} must be a whole number above zero, not "${String(values[flag])}"`);
    }
    return value;
  };
  return {
    rounds: count('rounds'),
    blobMebibytes: count('blob-mib'),
    downloads: count('downloads'),
    concurrency: count('concurrency'),
    slowClients: count('slow-clients'),
    slowKibibytesPerSecond: count('slow-kib'),
    slowSeconds: count('slow-seconds'),
    output: values['no-output'] ? undefined : values.output,
  };
}
