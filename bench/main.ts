// `npm run bench [-- SECTION…]`: the flags are in options.ts, the sections in sections.ts. Linux only: the figures come
// from /proc. A section that was run replaces its own part of the report, the others stay.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import type { Bench } from './bench.ts';
import { formatDocument, type Section } from './document.ts';
import { installPrograms } from './install-programs.ts';
import { describeMachine } from './machine.ts';
import { parseOptions } from './options.ts';
import { chooseSections, SECTIONS } from './sections.ts';
import { createWorkspace } from './workspace.ts';

const options = parseOptions(process.argv.slice(2));
const chosen = chooseSections(options.sections);
const say = (line: string): void => console.error(line);
const distributionProgram = await installPrograms(say);
const workspace = createWorkspace();
const bench: Bench = { options, workspace, distributionProgram, say };
const sections: Section[] = [];
const titles = SECTIONS.map(({ title }) => title);
try {
  for (const { name, title, run } of chosen) {
    say(`section ${name}`);
    const machine = describeMachine();
    const { markdown } = await run(bench);
    sections.push({ title, text: markdown });
    const { output } = options;
    const previous = output !== undefined && existsSync(output) ? readFileSync(output, 'utf8') : '';
    const { inMemory } = workspace;
    const document = formatDocument({ machine, inMemory, sections: sections.slice(-1), previous, titles });
    // After each: the last one may fail, and takes long.
    if (output !== undefined) writeFileSync(output, document);
  }
  console.log(sections.map(({ title, text }) => `## ${title}\n\n${text}`).join('\n\n'));
} finally {
  workspace.remove();
}
