import t from 'tap';
import { parseYamlFile, type YamlFile } from '../../src/config/yaml-file.ts';

function parsed(text: string): YamlFile {
  const result = parseYamlFile(text);
  if (result.kind === 'problems') throw new Error(result.problems.map(({ message }) => message).join());
  return result.file;
}

t.test('fields know their place', async (t) => {
  const file = parsed('a: 1\nb:\n  - c: x\n    d:\n  - { e: 5 }\nf: &anchor { g: 1 }\nh: *anchor\n');
  t.same(file.value, { a: 1, b: [{ c: 'x', d: null }, { e: 5 }], f: { g: 1 }, h: { g: 1 } });
  t.same(file.locate(['a'], false), { line: 1, column: 4 });
  t.same(file.locate(['a'], true), { line: 1, column: 1 });
  t.same(file.locate(['b', 0, 'c'], false), { line: 3, column: 8 });
  t.same(
    file.locate(['b', 0, 'd'], false),
    { line: 4, column: 5 },
    'an empty value stands where its name does',
  );
  t.same(file.locate(['b', 1, 'e'], false), { line: 5, column: 10 });
  t.same(
    file.locate(['b', 1, 'missing'], false),
    { line: 5, column: 5 },
    'a missing field: what is around it',
  );
  t.same(file.locate(['missing', 'x'], false), { line: 1, column: 1 });
  t.same(file.locate(['h', 'g'], false), { line: 6, column: 17 }, 'through an alias');
});

t.test('what is no good YAML is told with its place', async (t) => {
  const cases: readonly [string, RegExp, number][] = [
    ['a: 1\na: 2\n', /^"a" is there twice in one group of fields, the first time on line 1$/, 2],
    ['b:\n  c: 1\n  d: { c: 2 }\n  c: 3\nc: 4\n', /^"c" is there twice .* on line 2$/, 4],
    ['a: [1\nb: 2\n', /./, 2],
    ['a: !secret x\n', /tag/i, 1],
    ['a: 1\n---\nb: 2\n', /document/, 2],
    ['a: *nowhere\n', /alias/i, 1],
  ];
  for (const [text, message, line] of cases) {
    const result = parseYamlFile(text);
    if (result.kind === 'ok') {
      t.fail(`${text} was accepted`);
      continue;
    }
    t.match(result.problems[0], { message, line }, text);
  }
});

t.test('YAML 1.2: yes and no are texts, 010 is ten', async (t) => {
  t.same(parsed('a: yes\nb: no\nc: 010\n').value, { a: 'yes', b: 'no', c: 10 });
});

t.test('a bomb of aliases is refused', async (t) => {
  const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`);
  const result = parseYamlFile(['l0: &l0 [x]', ...levels].join('\n'));
  t.equal(result.kind, 'problems');
});
