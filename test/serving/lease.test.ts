import t from 'tap';
import { createLease } from '../../src/serving/lease.ts';

function open() {
  const events: string[] = [];
  const value = {
    close() {
      events.push('closed');
      return Promise.resolve();
    },
  };
  return { events, lease: createLease(value, () => events.push('told')) };
}

t.test('closed when the last holder lets go, and not before it is retired', async (t) => {
  const { events, lease } = open();
  lease.hold()();
  const [first, second] = [lease.hold(), lease.hold()];
  first();
  first();
  lease.retire();
  t.same(events, [], 'the second still holds it, whatever the first calls twice');
  second();
  t.same(events, ['told', 'closed']);
});

t.test('closed at once where nobody holds it, or where it must be; once', async (t) => {
  const unused = open();
  unused.lease.retire();
  await unused.lease.close();
  t.same(unused.events, ['told', 'closed']);
  const used = open();
  const letGo = used.lease.hold();
  await used.lease.close();
  used.lease.retire();
  letGo();
  t.same(used.events, ['told', 'closed']);
});
