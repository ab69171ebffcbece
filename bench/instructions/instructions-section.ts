import type { SectionRun } from '../bench.ts';
import { createFigure } from '../figure.ts';
import { COUNT_UNIT } from '../guard/compare.ts';
import { formatTable } from '../markdown.ts';
import { spread } from '../statistics.ts';
import { countInstructions } from './count-instructions.ts';

/** One run is enough: the next one counts the same. */
const CALLS = 200;

/** What small things cost, counted and not timed. */
export const INSTRUCTIONS: SectionRun = {
  name: 'instructions',
  title: 'Instructions, counted',
  async run({ workspace, say }) {
    const counts = await countInstructions(workspace, CALLS);
    const figures = [...counts].map(([row, count]) =>
      createFigure(
        { case: '', row, metric: 'instructions per call', unit: COUNT_UNIT, better: 'less' },
        spread([count]),
      ),
    );
    const rows = figures.map(({ row, median }) => [row, Math.round(median).toLocaleString('en')]);
    say(`instructions\n${formatTable(['', 'per call'], rows)}`);
    return {
      figures,
      markdown: `Instructions per call as \`valgrind --tool=callgrind\` counts them, over ${CALLS} calls, in a Node that compiles nothing (\`--jitless\`): the counts are of
interpreted code, several times those of production, and the same in every run, so that a change of two per cent is one of the code (or of Node).
They say nothing about time; \`perf stat\` would count production's own, but finds no counters in many a virtual machine.

${formatTable(['', 'instructions per call'], rows)}`,
    };
  },
};
