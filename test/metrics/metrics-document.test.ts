import { globSync, readFileSync } from 'node:fs';
import t from 'tap';
import { createMetrics } from '../../src/metrics/metrics.ts';

const document = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
const { descriptions } = createMetrics();

/** Cells of each row of the table under a heading; header and rule left out. */
function rows(heading: string): string[][] {
  const [, section = ''] = document.split(`## ${heading}\n`);
  const [table = ''] = section.split('\n## ');
  const lines = table.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const words = (cell = '') => [...cell.matchAll(/`([^`]*)`/g)].map(([, word]) => word);

t.test('each metric is documented as it is, in the same order, and no others are', (t) => {
  t.same(
    rows('Metrics').map(([name, type, labels, meaning]) => [words(name)[0], type, words(labels), meaning]),
    descriptions.map(({ name, type, labels, help }) => [name, type, Object.keys(labels), help]),
  );
  t.end();
});

t.test('each label value is documented, and no others are', (t) => {
  const documented = rows('Label values').flatMap(([label, of, values]) =>
    words(of).map((name) => `${name} ${words(label)[0]}: ${words(values).join(' ')}`),
  );
  const actual = descriptions
    .filter(({ name }) => !name.endsWith('_info'))
    .flatMap(({ name, labels }) =>
      Object.entries(labels).map(([label, values]) => `${name} ${label}: ${values.join(' ')}`),
    );
  t.same(documented.toSorted(), actual.toSorted());
  t.end();
});

t.test('expressions name metrics that exist', (t) => {
  const names = new Set(descriptions.map(({ name }) => name));
  const mentioned = [...document.matchAll(/\bberth_[a-z_]+\b/g)].map(([name]) => name);
  t.same(
    mentioned.filter((name) => !names.has(name)),
    [],
  );
  t.end();
});

t.test('each metric is moved by some code outside metrics/', (t) => {
  const source = globSync('src/**/*.ts')
    .filter((file) => !file.startsWith('src/metrics/'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const fields = Object.entries(createMetrics())
    .filter(([, value]) => typeof value === 'object' && !Array.isArray(value))
    .map(([field]) => field);
  t.equal(fields.length, descriptions.filter(({ name }) => !name.endsWith('_info')).length);
  t.same(
    fields.filter(
      (field) => !new RegExp(`metrics\\.${field}\\.(inc|dec|set|observe|handle|collect)\\(`).test(source),
    ),
    [],
  );
  t.end();
});
