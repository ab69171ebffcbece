import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import type { SectionResult, SectionRun } from './bench.ts';
import { formatDocument } from './document.ts';
import { formatPublished, type Published, parsePublished, publishSection } from './guard/published.ts';
import type { Machine } from './machine.ts';
import { formatSectionPicture } from './svg/section-picture.ts';

export type ReportFiles = {
  /** The figures beside the report; none where there is no such file. Throws where it is damaged. */
  readPublished: () => Published;
  /** Puts a section in place of its last run: its text, its figures and its picture. */
  writeSection: (section: SectionRun, result: SectionResult, run: Run) => void;
};

export type Run = { machine: Machine; settings: Readonly<Record<string, number>>; inMemory: boolean };

/** The report `<name>.md`, its figures in `<name>.json`, its pictures in `<name>/`. */
export function openReportFiles(report: string, sections: readonly SectionRun[]): ReportFiles {
  const stem = basename(report, '.md');
  const figuresFile = join(dirname(report), `${stem}.json`);
  const pictures = join(dirname(report), stem);
  const readPublished = (): Published => parsePublished(read(figuresFile) ?? formatPublished({}));
  return {
    readPublished,
    writeSection({ name, title }, { markdown, figures }, { machine, settings, inMemory }) {
      const picture = formatSectionPicture(title, figures);
      const file = join(pictures, `${name}.svg`);
      // Read first: if it is damaged, nothing is changed.
      const published = readPublished();
      const text =
        picture === undefined
          ? markdown
          : `${markdown.trim()}\n\n![${title}: ratios with the least and the most of all rounds](${stem}/${name}.svg)`;
      const document = formatDocument({
        machine,
        inMemory,
        sections: [{ title, text }],
        previous: read(report) ?? '',
        titles: sections.map((section) => section.title),
      });
      mkdirSync(pictures, { recursive: true });
      if (picture === undefined) rmSync(file, { force: true });
      else writeFileSync(file, picture);
      writeFileSync(report, document);
      const names = sections.map((section) => section.name);
      writeFileSync(
        figuresFile,
        formatPublished(publishSection(published, name, { machine, settings, figures }, names)),
      );
    },
  };
}

function read(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
