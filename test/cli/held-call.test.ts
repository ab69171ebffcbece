import t from 'tap';
import { createHeldCall } from '../../src/cli/held-call.ts';

t.test('calls before anybody takes them are one call then, and later ones each', (t) => {
  const { call, take } = createHeldCall();
  let calls = 0;
  call();
  call();
  take(() => (calls += 1));
  t.equal(calls, 1);
  call();
  call();
  t.equal(calls, 3);
  t.end();
});

t.test('without a call nothing is called', (t) => {
  const { take } = createHeldCall();
  take(() => t.fail('nobody called'));
  t.end();
});
