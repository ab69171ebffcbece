const FACTORS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Units that `parseSize` knows, for messages. */
export const SIZE_UNITS: readonly string[] = Object.keys(FACTORS);

/** `20GiB`, `1.5 MB`, `4096` in bytes, rounded down; undefined for anything else and beyond 2^53 - 1. */
export function parseSize(text: string): number | undefined {
  const match = /^([0-9]{1,16}(?:\.[0-9]{1,6})?) ?([A-Za-z]{0,3})$/.exec(text);
  if (match === null) return undefined;
  const [, number = '', unit = ''] = match;
  const factor = unit === '' ? 1 : FACTORS[unit];
  if (factor === undefined) return undefined;
  const bytes = Math.floor(Number(number) * factor);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
