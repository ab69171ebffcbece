import type { PublishedSection } from './published.ts';

/** Other in every run, and nothing that a ratio depends on. */
const OCCASION: readonly string[] = ['date', 'revision', 'loadAverage'];

/** How this run is not the published one: one line for each difference, none where they are alike. */
export function describeDifferences(
  published: Pick<PublishedSection, 'machine' | 'settings'>,
  now: Pick<PublishedSection, 'machine' | 'settings'>,
): string[] {
  return [...differences(published.machine, now.machine), ...differences(published.settings, now.settings)];
}

function differences(
  before: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .filter((part) => !OCCASION.includes(part))
    .flatMap((part) => {
      const [old, own] = [show(before[part]), show(now[part])];
      return old === own ? [] : [`${part}: published with ${old}, now ${own}`];
    });
}

function show(value: unknown): string {
  if (value === undefined) return 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
