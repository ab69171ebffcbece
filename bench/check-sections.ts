import type { Bench, SectionRun } from './bench.ts';
import { type Comparison, compareFigures, confirm } from './guard/compare.ts';
import { describeDifferences } from './guard/describe-differences.ts';
import type { Published, PublishedSection } from './guard/published.ts';

export type Check = {
  comparisons: readonly Comparison[];
  /** What makes it less than sure that like is compared with like; a line each. */
  notes: readonly string[];
};

/**
 * Runs sections and compares what they give with what was published; where something got worse, the section is run once more. Throws
 * where none of them has been published.
 */
export async function checkSections(
  bench: Bench,
  sections: readonly SectionRun[],
  published: Published,
  now: Pick<PublishedSection, 'machine' | 'settings'>,
): Promise<Check> {
  const comparisons: Comparison[] = [];
  const notes = new Set<string>();
  const known = sections.filter(({ name }) => published[name] !== undefined);
  if (known.length === 0) {
    const names = sections.map(({ name }) => name).join(' ');
    throw new Error(`nothing is published to compare with; npm run bench -- ${names} publishes it`);
  }
  for (const { name } of sections) {
    if (published[name] === undefined) notes.add(`${name} is not published and was not run`);
  }
  for (const { name, run } of known) {
    const before = published[name];
    if (before === undefined) continue;
    for (const difference of describeDifferences(before, now)) notes.add(difference);
    bench.say(`section ${name}`);
    const compare = async (): Promise<Comparison[]> =>
      compareFigures(name, before.figures, (await run(bench)).figures);
    const first = await compare();
    const again = first.filter(({ kind }) => kind === 'worse').length;
    if (again > 0) bench.say(`section ${name} once more: ${again} figures are worse than published`);
    comparisons.push(...(again > 0 ? confirm(first, await compare()) : first));
  }
  return { comparisons, notes: [...notes] };
}
