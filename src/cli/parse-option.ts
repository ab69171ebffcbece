import { InvalidArgumentError } from 'commander';

/** A TCP port from 1: nobody could be told a port that the system chooses. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (/^[0-9]{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError('It must be a port from 1 to 65535.');
}

/** Processes that serve clients. */
export function parseWorkers(text: string): number | 'auto' {
  if (text === 'auto') return text;
  const workers = Number(text);
  if (/^[0-9]{1,2}$/.test(text) && workers >= 1 && workers <= 64) return workers;
  throw new InvalidArgumentError('It must be a number from 1 to 64, or auto.');
}

/** Values of an option that may be given several times, and several at a time, with or without commas. */
export function collect(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, ...text.split(',').filter((part) => part !== '')];
}
