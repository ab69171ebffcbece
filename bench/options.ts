import { parseArgs } from 'node:util';

export type Options = {
  /** Names of the sections to run; empty: all. */
  sections: readonly string[];
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
  /** Size of the blob that many clients ask for at once. */
  coldMebibytes: number;
  /** Size of the blob behind an upstream that holds each connection back. */
  heldMebibytes: number;
  /** Size of the blob that is read by open ranges. */
  rangeMebibytes: number;
  firstByteSamples: number;
  /** For the 200 slow readers. */
  readerSeconds: number;
  readerBlobs: number;
  /** Blobs in the cache of a Berth that starts. */
  startBlobs: number;
  /** The most of each that the sections about growth go to. */
  growthRegistries: number;
  growthBlobs: number;
  growthConnections: number;
  /** The report: what is run is written there, or compared with it. */
  report: string;
  /** `publish` writes the report, `check` compares ratios with it, `print` does neither. */
  mode: 'publish' | 'check' | 'print';
};

/** The numbers among them by their names: what is measured depends on them. */
export function settingsOf(options: Options): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(options).flatMap(([name, value]) => (typeof value === 'number' ? [[name, value]] : [])),
  );
}

/** Reads `argv`, names of sections and flags; throws with the flag's name where a value is not a whole number above zero. */
export function parseOptions(argv: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      'blob-mib': { type: 'string', default: '256' },
      downloads: { type: 'string', default: '16' },
      concurrency: { type: 'string', default: '4' },
      'slow-clients': { type: 'string', default: '100' },
      'slow-kib': { type: 'string', default: '256' },
      'slow-seconds': { type: 'string', default: '20' },
      'cold-mib': { type: 'string', default: '64' },
      'held-mib': { type: 'string', default: '1024' },
      'range-mib': { type: 'string', default: '256' },
      'first-byte-samples': { type: 'string', default: '100' },
      'reader-seconds': { type: 'string', default: '600' },
      'reader-blobs': { type: 'string', default: '2' },
      'start-blobs': { type: 'string', default: '100000' },
      'growth-registries': { type: 'string', default: '10000' },
      'growth-blobs': { type: 'string', default: '1000000' },
      'growth-connections': { type: 'string', default: '5000' },
      output: { type: 'string', default: 'docs/performance.md' },
      'no-output': { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
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
    sections: positionals,
    rounds: count('rounds'),
    blobMebibytes: count('blob-mib'),
    downloads: count('downloads'),
    concurrency: count('concurrency'),
    slowClients: count('slow-clients'),
    slowKibibytesPerSecond: count('slow-kib'),
    slowSeconds: count('slow-seconds'),
    coldMebibytes: count('cold-mib'),
    heldMebibytes: count('held-mib'),
    rangeMebibytes: count('range-mib'),
    firstByteSamples: count('first-byte-samples'),
    readerSeconds: count('reader-seconds'),
    readerBlobs: count('reader-blobs'),
    startBlobs: count('start-blobs'),
    growthRegistries: count('growth-registries'),
    growthBlobs: count('growth-blobs'),
    growthConnections: count('growth-connections'),
    report: values.output,
    mode: values.check ? 'check' : values['no-output'] ? 'print' : 'publish',
  };
}
