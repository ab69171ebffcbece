import tap from 'tap';
import { createFieldScanner } from '../../src/http/field-scanner.ts';

const quoted = (value: string) => createFieldScanner(value).takeQuotedString();

await tap.test('takes what matches and leaves the cursor alone otherwise', (t) => {
  const scanner = createFieldScanner(' \tname="a\\"b" AB==');
  t.equal(scanner.takeToken(), undefined);
  t.equal(scanner.position(), 0);
  scanner.skipOws();
  t.equal(scanner.takeToken(), 'name');
  t.equal(scanner.take(';'), false);
  t.equal(scanner.take('='), true);
  t.equal(scanner.takeQuotedString(), 'a"b');
  scanner.skipOws();
  const start = scanner.position();
  t.equal(scanner.takeToken68(), 'AB==');
  t.equal(scanner.done(), true);
  t.equal(scanner.takeToken(), undefined);
  t.equal(scanner.take(''), false);
  scanner.moveTo(start);
  t.equal(scanner.takeToken(), 'AB');
  t.end();
});

await tap.test('quoted-strings', (t) => {
  t.equal(quoted('""'), '');
  t.equal(quoted(String.raw`"\a\\\""`), String.raw`a\"`);
  t.equal(quoted('"a,b=c\t\xff"rest'), 'a,b=c\t\xff');
  for (const value of ['"', '"a', String.raw`"a\"`, '"a\nb"', '"a\u0100"', '"\\\n"', 'a"']) {
    t.equal(quoted(value), undefined, JSON.stringify(value));
  }
  t.end();
});
