import t from 'tap';
import { parseNameGlob } from '../../src/policy/name-glob.ts';

function fits(pattern: string, name: string): boolean | undefined {
  return parseNameGlob(pattern)?.(name);
}

t.test('what patterns fit', async (t) => {
  const rows: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['app', ['app'], ['apps', 'x/app', 'app/x']],
    ['*', ['app', 'a-b.c_d'], ['a/b']],
    ['**', ['app', 'a/b/c'], []],
    ['team/*', ['team/app'], ['team', 'team/a/b', 'teams/app']],
    ['team/**', ['team/app', 'team/a/b'], ['team', 'teams/app', 'x/team/app']],
    ['**/app', ['app', 'a/app', 'a/b/app'], ['myapp', 'a/myapp', 'app/a']],
    ['a/**/z', ['a/z', 'a/b/z', 'a/b/c/z'], ['a/bz', 'az', 'a/z/b']],
    ['*-internal', ['x-internal', '-internal'], ['a/x-internal', 'internal']],
    ['a*b*c', ['abc', 'axbxc', 'abbcc'], ['ab', 'acb', 'a/bc']],
    ['**/x*/**', ['x/a', 'a/x1/b'], ['x', 'a/b']],
  ];
  for (const [pattern, yes, no] of rows) {
    for (const name of yes) t.equal(fits(pattern, name), true, `${pattern} ${name}`);
    for (const name of no) t.equal(fits(pattern, name), false, `${pattern} ${name}`);
  }
});

t.test('what is no pattern', async (t) => {
  for (const pattern of [
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    'A',
    'a**',
    '**a',
    '***',
    'a b',
    'a?',
    '[a]',
    'é',
    'a'.repeat(256),
  ]) {
    t.equal(parseNameGlob(pattern), undefined, pattern.slice(0, 20));
  }
});

t.test('a pattern that backtracking would try for years is answered at all', async (t) => {
  const glob = parseNameGlob(`${'**/*a*'.repeat(1)}/${Array.from({ length: 30 }, () => '**/*a*').join('/')}`);
  t.equal(glob?.(`${'a/'.repeat(20)}${'a'.repeat(200)}`), false);
});
