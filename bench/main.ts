// `npm run bench [-- SECTION…]`: the flags are in options.ts, the sections in sections.ts. Linux only: the figures come
// from /proc. A section that was run replaces its own part of the report, the others stay. With `--check` nothing is written:
// the exit code is 1 where something got worse.
import type { Bench } from './bench.ts';
import { checkSections } from './check-sections.ts';
import type { Section } from './document.ts';
import { formatComparisons, isFailure } from './guard/format-comparison.ts';
import { installPrograms } from './install-programs.ts';
import { describeMachine } from './machine.ts';
import { parseOptions, settingsOf } from './options.ts';
import { openReportFiles } from './report-files.ts';
import { chooseSections, SECTIONS } from './sections.ts';
import { createWorkspace } from './workspace.ts';

const { options, chosen } = readArguments(process.argv.slice(2));
const say = (line: string): void => console.error(line);
const distributionProgram = await installPrograms(say);
const workspace = createWorkspace();
const bench: Bench = { options, workspace, distributionProgram, say };
const files = openReportFiles(options.report, SECTIONS);
const settings = settingsOf(options);
try {
  if (options.mode === 'check') {
    const now = { machine: describeMachine(), settings };
    const { comparisons, notes } = await checkSections(bench, chosen, files.readPublished(), now);
    console.log([...notes, '', formatComparisons(comparisons)].join('\n'));
    if (comparisons.some(isFailure)) process.exitCode = 1;
  } else {
    const sections: Section[] = [];
    for (const section of chosen) {
      say(`section ${section.name}`);
      const machine = describeMachine();
      const result = await section.run(bench);
      sections.push({ title: section.title, text: result.markdown });
      // After each: the last one may fail, and takes long.
      const { inMemory } = workspace;
      if (options.mode === 'publish') files.writeSection(section, result, { machine, settings, inMemory });
    }
    console.log(sections.map(({ title, text }) => `## ${title}\n\n${text}`).join('\n\n'));
  }
} finally {
  workspace.remove();
}

function readArguments(argv: readonly string[]) {
  try {
    const options = parseOptions(argv);
    return { options, chosen: chooseSections(options.sections) };
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
    console.error(
      `usage: npm run bench [-- [SECTION…] [FLAG…]]; the flags are in bench/options.ts, the sections: ${SECTIONS.map(({ name }) => name).join(' ')}`,
    );
    process.exit(2);
  }
}
