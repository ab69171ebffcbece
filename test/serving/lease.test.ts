import t from 'tap';
import { createLease } from '../../src/serving/lease.ts';

function create() {
  const events: string[] = [];
  const value = {
    close() {
      events.push('closed');
      return Promise.resolve();
    },
  };
  function open() {
    events.push('opened');
    return value;
  }
  return { events, value, lease: createLease(open, () => events.push('told')) };
}

/** One that somebody has needed. */
function open() {
  const created = create();
  t.ok(created.lease.value);
  created.events.length = 0;
  return created;
}

t.test('opened by whoever needs it first, and by nobody who only holds it', async (t) => {
  const { events, lease, value } = create();
  lease.hold()();
  t.equal(lease.opened, undefined);
  t.same(events, []);
  t.equal(lease.value, value);
  t.equal(lease.value, value);
  t.equal(lease.opened, value);
  t.same(events, ['opened']);
});

t.test('what nobody needed is closed without having been opened', async (t) => {
  const { events, lease } = create();
  lease.retire();
  t.same(events, ['told']);
  t.equal(lease.value, lease.opened);
  t.same(events, ['told', 'opened', 'closed'], 'who comes too late gets one that is closed');
});

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
