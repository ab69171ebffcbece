import type { Machine } from './machine.ts';

/** What one section of the benchmark has to say, without its heading. */
export type Section = { title: string; text: string };

const HEADING = /^## (.+)$/m;

/**
 * `docs/performance.md`: the sections that were run replace those of the same title in `previous`, the others stay as they
 * are, and all stand in the order of `titles`. What has no title of these is gone.
 */
export function formatDocument(options: {
  machine: Machine;
  inMemory: boolean;
  sections: readonly Section[];
  previous: string;
  titles: readonly string[];
}): string {
  const { machine, inMemory, sections, previous, titles } = options;
  const texts = readSections(previous);
  for (const { title, text } of sections) texts.set(title, `${formatOccasion(machine)}\n\n${text.trim()}`);
  const body = titles.flatMap((title) => {
    const text = texts.get(title);
    return text === undefined ? [] : [`## ${title}\n\n${text}`];
  });
  return `# Performance

Written by \`npm run bench\`; do not edit. Absolute figures drift from machine to machine and from run to run: ratios within
one section are what counts. A figure is the median (least–most) of its rounds. The same figures are
data in [performance.json](performance.json): \`npm run bench -- --check\` measures again, compares ratios and counts with those, never times, and says
what got worse ([CONTRIBUTING](../CONTRIBUTING.md)). The pictures are drawn by a little code of our own; a library of charts would be larger than all the rest.

- ${machine.processor}, ${machine.cores} cores, ${machine.memoryGibibytes} GiB, Linux ${machine.kernel}
- Node ${machine.node} (OpenSSL ${machine.openssl}), ${machine.programs.join(', ')}
- zot is not among them: \`go install\` could not get its module from the module proxy (403) when the benchmark was written
- blobs ${inMemory ? 'and caches in tmpfs' : 'and caches on a disk (no tmpfs was found)'}; HTTP/1.1 over loopback; origin, proxy and clients are separate processes and share the cores
- the origin is one nginx: a registry that answers each blob with 307, and its storage, which sends files; nginx, HAProxy and Varnish are pointed straight at the storage, Berth, distribution and docker-registry at the registry
- Berth runs with the environment of its image, its code compiled beforehand
- CPU is user and system time of all of a proxy's processes, from \`/proc/<pid>/stat\`; resident memory is VmRSS and VmHWM

${body.join('\n\n')}
`;
}

/** When a section was measured: sections may be run one by one. */
function formatOccasion({ date, revision, loadAverage }: Machine): string {
  const shared = loadAverage > 1 ? ' (above 1: other work shared the cores, and speeds say little)' : '';
  return `*${date}, revision ${revision}, load average at the start ${loadAverage.toFixed(1)}${shared}.*`;
}

/** Text of each section by its title. */
function readSections(document: string): Map<string, string> {
  const [, ...parts] = document.split(/^(?=## )/m);
  return new Map(
    parts.map((part) => {
      const title = HEADING.exec(part)?.[1] ?? '';
      return [title, part.slice(part.indexOf('\n')).trim()];
    }),
  );
}
