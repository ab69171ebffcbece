import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const root = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const document = read('docs/threat-model.md');

type Proof = { readonly file: string; readonly title: string };

/** "`test/…`: *title*, *title*", any number of them in a table cell. */
const PROOFS = /`(test\/[\w./-]+\.ts)`: (\*[^*|]+\*(?:, \*[^*|]+\*)*)/g;

function namedProofs(): Proof[] {
  return [...document.matchAll(PROOFS)].flatMap(([, file = '', titles = '']) =>
    [...titles.matchAll(/\*([^*]+)\*/g)].map(([, title = '']) => ({ file, title })),
  );
}

function hasTitle(text: string, title: string): boolean {
  return ["'", '"', '`'].some((quote) => text.includes(`${quote}${title}${quote}`));
}

t.test('every test that the threat model names exists', (t) => {
  const proofs = namedProofs();
  t.ok(proofs.length > 40, 'the proofs were found');
  for (const { file, title } of proofs) {
    t.ok(existsSync(join(root, file)) && hasTitle(read(file), title), `${file}: ${title}`);
  }
  const rest = document.replaceAll(PROOFS, '').split('\n');
  const loose = rest.filter((line) => line.startsWith('|') && /\*[A-Za-z][^*|]+\*/.test(line));
  t.strictSame(loose, [], 'each title stands behind the name of its file');
  t.end();
});

t.test('every attack that is tested is in the threat model', (t) => {
  const named = namedProofs();
  const files = globSync('test/**/*.ts', { cwd: root, exclude: ['test/docs/**'] });
  const attacks = files.flatMap((file) =>
    [...read(file).matchAll(/(['"`])(attack: (?:(?!\1).)+)\1/g)].map(([, , title = '']) => ({ file, title })),
  );
  t.ok(attacks.length > 20, 'the attacks were found');
  const missing = attacks.filter(
    ({ file, title }) => !named.some((proof) => proof.file === file && proof.title === title),
  );
  t.strictSame(missing, []);
  t.end();
});

t.test('every file that is said to stop an attack exists', (t) => {
  const files = [...document.matchAll(/`(src\/[\w./-]+)`/g)].map(([, file = '']) => file);
  t.ok(files.length > 30, 'the files were found');
  t.strictSame(
    files.filter((file) => !existsSync(join(root, file))),
    [],
  );
  t.end();
});

t.test('every row has a proof', (t) => {
  const rows = document.split('\n').filter((line) => /^\|.*\|.*\|.*\|$/.test(line));
  const attacks = rows.filter((row) => !/^\| attack \||^\|---/.test(row));
  t.ok(attacks.length > 30, 'the rows were found');
  for (const row of attacks) t.match(row, /`test\/[\w./-]+\.ts`: \*/, row.slice(0, 60));
  t.end();
});
