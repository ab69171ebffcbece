import { expect, expectEqual, type Report } from '../e2e/report.ts';
import type { Quiet, SoakOutcome } from './soak.ts';
import { floorOf, riseOf, secondHalf } from './trend.ts';
import type { Held } from './watch.ts';

const MIB = 1024 * 1024;
/** What the second half may add to the floor of a replica's memory, by the line of least squares. */
export const MOST_RISE_BYTES = 48 * MIB;
/** What a replica may hold more in the end than after the warm-up: V8 keeps what it has once grown to. */
export const MOST_GROWTH_BYTES = 160 * MIB;
/** Descriptors more than before: connections that are kept for the next question, to more hosts than before. */
export const MOST_MORE_DESCRIPTORS = 24;
/** What a cache may have on disk beside its blobs: its index, and the last block of each file. */
export const MOST_MORE_DISK_BYTES = 4 * MIB;
/** As many lines of a long list as tell what is wrong. */
const SHOWN = 5;

/** Each promise of the soak is one case. */
export async function judge(outcome: SoakOutcome, report: Report): Promise<void> {
  const { tally, quiet } = outcome;
  const done = sum(tally.done);
  await report.check('soak: never a wrong byte', async () => {
    none(tally.wrong, 'wrong');
    expect(done > 0, 'nothing was done');
    return `${done} pulls, ranges and pushes, each byte compared`;
  });
  await report.check('soak: every client is done once the faults pause', async () => {
    none(outcome.unfinished, 'not done');
    none(tally.broken, 'broken');
    return `${outcome.pauses} pauses; ${sum(tally.failedTries)} tries failed and were made again`;
  });
  await report.check('soak: always ready, and nothing stands still', async () => {
    none(outcome.complaints, 'complaints');
    return `${outcome.looks} looks`;
  });
  await report.check('soak: no failure of its own', async () => {
    none(outcome.faultsOfItsOwn, 'lines');
    none(outcome.disturbanceFailures, 'commands that failed');
    return 'no 500 of its own, nothing uncaught, every command did what it was to do';
  });
  await report.check('soak: every fault has happened', async () => {
    const kinds = new Map<string, number>();
    for (const of of outcome.faults.values())
      for (const [kind, count] of of) kinds.set(kind, (kinds.get(kind) ?? 0) + count);
    expectEqual(
      [...kinds].filter(([, count]) => count === 0).map(([kind]) => kind),
      [],
      'faults that never were',
    );
    return `${sum(kinds)} faults on ${outcome.faults.size} lines`;
  });
  await report.check('soak: what was lent is back', async () => lentCase(quiet));
  await report.check('soak: handles are as before', async () => handlesCase(quiet));
  await report.check('soak: memory does not rise', async () => memoryCase(outcome));
}

function lentCase(quiet: readonly Quiet[]): string {
  for (const { name, after, diskBytes } of quiet) {
    const besides = diskBytes - after.publishedBytes;
    expect(besides <= MOST_MORE_DISK_BYTES, `${name}: ${inMib(besides)} on disk that are no blob`);
    const { bufferBytes, fills, requests, uploads, connections, partialBytes } = after;
    expectEqual(
      { bufferBytes, fills, requests, uploads, connections, partialBytes },
      { bufferBytes: 0, fills: 0, requests: 0, uploads: 0, connections: 0, partialBytes: 0 },
      name,
    );
  }
  return 'buffers, fills, requests, connections, uploads and partial blobs: 0; nothing on disk but blobs';
}

/** It holds no more memory and no more descriptors than it may in the end. */
export function isSettled(before: Held, after: Held): boolean {
  const descriptors = after.descriptors - before.descriptors;
  return descriptors <= MOST_MORE_DESCRIPTORS && after.rssBytes - before.rssBytes <= MOST_GROWTH_BYTES;
}

function handlesCase(quiet: readonly Quiet[]): string {
  for (const { name, before, after } of quiet) {
    const more = after.descriptors - before.descriptors;
    expect(
      more <= MOST_MORE_DESCRIPTORS,
      `${name}: ${before.descriptors} before, ${after.descriptors} after`,
    );
  }
  return quiet
    .map(({ name, before, after }) => `${name}: ${before.descriptors} → ${after.descriptors}`)
    .join(', ');
}

/** Stretches of time whose lowest samples are looked at. */
const STRETCHES = 20;
/** Milliseconds of each at least, in which garbage is collected: a short run has fewer of them, not shorter ones. One of three minutes has too few for a trend. */
const STRETCH_AT_LEAST_MS = 30_000;

/** Of the floor, by the line of least squares, over the second half of the time. */
export function memoryRise(samples: readonly Held[]): number {
  const rss = samples.map(({ at, rssBytes }) => ({ at, value: rssBytes }));
  const lengthMs = (rss.at(-1)?.at ?? 0) - (rss[0]?.at ?? 0);
  const stretches = Math.min(STRETCHES, Math.max(1, Math.floor(lengthMs / STRETCH_AT_LEAST_MS)));
  return riseOf(secondHalf(floorOf(rss, stretches)));
}

function memoryCase({ lasting, quiet }: SoakOutcome): string {
  const found = lasting.map(({ name, samples }) => {
    const own = quiet.find((each) => each.name === name);
    if (own === undefined) throw new Error(`${name} was not looked at`);
    const rise = memoryRise(samples);
    const growth = own.after.rssBytes - own.before.rssBytes;
    const said = `${name}: second half ${inMib(rise)}, in all ${inMib(growth)}`;
    expect(rise <= MOST_RISE_BYTES, `${said}; the second half may add ${inMib(MOST_RISE_BYTES)}`);
    expect(growth <= MOST_GROWTH_BYTES, `${said}; in all it may be ${inMib(MOST_GROWTH_BYTES)}`);
    return said;
  });
  return found.join('; ');
}

export function inMib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

export function sum(of: ReadonlyMap<string, number>): number {
  return [...of.values()].reduce((total, count) => total + count, 0);
}

function none(found: readonly string[], what: string): void {
  expect(found.length === 0, `${found.length} ${what}:\n${found.slice(0, SHOWN).join('\n')}`);
}
