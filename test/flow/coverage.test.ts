import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const root = join(import.meta.dirname, '../..');
const contract = readFileSync(join(root, 'docs/request-handling.md'), 'utf8');
const numbers = [...contract.matchAll(/^- \*\*([A-Z]\d+)\*\*/gm)].map((match) => match[1] ?? '');

t.test('every line of docs/request-handling.md has a test that names it', (t) => {
  t.ok(numbers.length > 40, 'the lines were found');
  t.equal(new Set(numbers).size, numbers.length, 'no number twice');
  const titles = globSync('test/flow/*.test.ts', { cwd: root }).flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/\.test\(\s*[`']((?:[A-Z]\d+ )+)/g)].map(
      (match) => match[1] ?? '',
    ),
  );
  const named = new Set(titles.flatMap((title) => title.trim().split(' ')));
  t.strictSame(
    numbers.filter((number) => !named.has(number)),
    [],
    'lines without a test',
  );
  t.strictSame(
    [...named].filter((number) => !numbers.includes(number)),
    [],
    'tests of lines that are not there',
  );
  t.end();
});

t.test('the code cites only lines that exist', (t) => {
  const letters = [...new Set(numbers.map((number) => number.charAt(0)))].join('');
  const citation = new RegExp(`(?:^|[\\s(])([${letters}]\\d{1,2})\\b(?=[,:)–. ])`, 'gm');
  for (const file of globSync('src/**/*.ts', { cwd: root })) {
    const text = readFileSync(join(root, file), 'utf8');
    const comments = [...text.matchAll(/\/\*\*[\s\S]*?\*\/|\/\/.*$/gm)]
      .map(([comment]) => comment)
      .join('\n');
    const cited = [...comments.matchAll(citation)].map((match) => match[1] ?? '');
    t.strictSame(
      cited.filter((number) => !numbers.includes(number)),
      [],
      file,
    );
  }
  t.end();
});
