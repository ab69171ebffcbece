import t from 'tap';
import { configFile, loadedRegistry, problemLines } from '../support/config-file.ts';

const allow = (pattern: string) => ({ action: 'allow', pattern });
const deny = (pattern: string) => ({ action: 'deny', pattern });

function problems(...repositories: unknown[]) {
  return problemLines(configFile({ rules: { repositories } })).map((line) =>
    line.replace(/^f:\d+:\d+: registries\[0\]\.rules\./, ''),
  );
}

t.test('sound rules', async (t) => {
  const repositories = [allow('team/**'), deny('team/secret/**'), deny('**/debug'), allow('base')];
  t.strictSame(problems(...repositories), []);
  t.strictSame(loadedRegistry({ rules: { repositories } }).rules, { repositories });
});

t.test('what is wrong, where, and what to do', async (t) => {
  const rows: readonly (readonly [readonly unknown[], RegExp])[] = [
    [
      [deny('Team/**')],
      /^repositories\[0\]\.pattern: "Team\/\*\*" is not a pattern for repository names; write lower-case/,
    ],
    [[deny('/team')], /not a pattern/],
    [[deny('team**')], /not a pattern/],
    [
      [deny('team/_*')],
      /^repositories\[0\]\.pattern: "team\/_\*" can never match: no repository can have such a name/,
    ],
    [[deny('a..b')], /can never match/],
    [[deny('x'), deny('x')], /^repositories\[1\]: "x" is there twice: repositories\[0\]/],
    [
      [allow('x'), deny('x')],
      /^repositories\[0\]: allow "x" can never match: the deny rule for "x" beats it/,
    ],
    [[deny('team/**'), allow('team/a/*')], /^repositories\[1\]: allow .*"team\/\*\*" beats it/],
    [[deny('**'), allow('a/**')], /^repositories\[1\]: allow .*"\*\*" beats it/],
    [[deny('*/x'), allow('a/x')], /^repositories\[1\]: allow/],
    [[{ pattern: 'x' }], /action: is missing/],
    [[{ action: 'block', pattern: 'x' }], /none of allow, deny/],
  ];
  for (const [rules, expected] of rows) {
    const lines = problems(...rules);
    t.equal(lines.length, 1, lines.join('\n'));
    t.match(lines[0], expected);
  }
});
