import t from 'tap';
import { createRepositoryRules } from '../../src/policy/repository-rules.ts';

t.test('deny beats allow, and an allow rule closes the rest', async (t) => {
  const none = createRepositoryRules([]);
  t.strictSame([none.any, none.isOpen('x')], [false, true]);
  const deny = createRepositoryRules([{ action: 'deny', pattern: 'x' }]);
  t.strictSame([deny.any, deny.isOpen('x'), deny.isOpen('y')], [true, false, true]);
  const both = createRepositoryRules([
    { action: 'deny', pattern: 'team/x' },
    { action: 'allow', pattern: 'team/*' },
  ]);
  t.strictSame([both.isOpen('team/x'), both.isOpen('team/y'), both.isOpen('other')], [false, true, false]);
  t.throws(() => createRepositoryRules([{ action: 'deny', pattern: 'X' }]), /"X"/);
});
