import t from 'tap';
import { createDecisionNames } from '../../src/login-server/decision-names.ts';

const SUBJECT = {
  registry: 'contoso',
  repository: 'team/app',
  subject: 'blob sha256:aa',
  authorization: 'Bearer one',
};

t.test('whatever is asked for by whom has a name of its own', async (t) => {
  const names = createDecisionNames();
  const subjects = [
    SUBJECT,
    { ...SUBJECT, registry: 'fabrikam' },
    { ...SUBJECT, repository: 'team/ap' },
    { ...SUBJECT, subject: 'blob sha256:ab' },
    { ...SUBJECT, subject: 'blob sha256:aa contoso', registry: 'x' },
    { ...SUBJECT, subject: 'blob sha256:aa', registry: 'contoso x' },
    { ...SUBJECT, authorization: 'Bearer two' },
    { ...SUBJECT, authorization: '' },
    { ...SUBJECT, authorization: undefined },
  ];
  const own = subjects.map((subject) => names.subject(subject, false).own);
  const audiences = subjects.map((subject) => names.audience(subject, 'caller'));
  t.equal(new Set(own).size, subjects.length);
  t.notOk(own.some((name) => audiences.includes(name)));
  t.equal(own[0], names.subject({ ...SUBJECT }, true).own, 'the same each time');
  t.notMatch(own[0], /one/, 'without its credentials');
});

t.test('for everybody there is one name, and only where everybody is asked for', async (t) => {
  const names = createDecisionNames();
  const one = names.subject(SUBJECT, true);
  const two = names.subject({ ...SUBJECT, authorization: 'Bearer two' }, true);
  const nobody = names.subject({ ...SUBJECT, authorization: undefined }, true);
  t.equal(one.open, two.open);
  t.not(nobody.own, one.open, 'what was said to somebody without credentials was not said to everybody');
  t.equal(names.subject(SUBJECT, false).open, undefined);
  t.equal(one.of, names.of('contoso', 'team/app'));
  t.not(names.audience(SUBJECT, 'caller'), names.audience(SUBJECT, 'public'));
});
