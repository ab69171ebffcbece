import { readFileSync } from 'node:fs';

import tap from 'tap';

import manifest from '../../package.json' with { type: 'json' };

const SECTIONS = {
  'At run time': manifest.dependencies,
  'For development': manifest.devDependencies,
  'Node itself': manifest.optionalDependencies,
};

await tap.test('docs/dependencies.md names what package.json names, section by section', async (t) => {
  const text = readFileSync(new URL('../../docs/dependencies.md', import.meta.url), 'utf8');
  const sections = new Map(
    text
      .split(/^## /m)
      .slice(1)
      .map((section) => [
        section.slice(0, section.indexOf('\n')),
        [...section.matchAll(/^\| `([^`]+)` \| \S/gm)].map(([, name]) => name),
      ]),
  );
  t.same([...sections.keys()], Object.keys(SECTIONS));
  for (const [title, dependencies] of Object.entries(SECTIONS)) {
    t.same(sections.get(title), Object.keys(dependencies).toSorted(), title);
  }
});

await tap.test('every version is exact', async (t) => {
  const versions = Object.values(SECTIONS).flatMap((dependencies) => Object.entries(dependencies));
  for (const [name, version] of versions) t.match(version, /^\d+\.\d+\.\d+$/, name);
});
