import { array, boolean, constantFrom, property, record } from 'fast-check';
import t from 'tap';
import { createAllowedBefore } from '../../src/login-server/allowed-before.ts';
import { holds } from '../support/property.ts';

const at = (asked: number) => ({ value: asked, askedAt: 0, asked, usableUntil: Number.POSITIVE_INFINITY });

t.test('a refusal under any of the names, or a write, takes back what was asked for before it', async (t) => {
  const before = createAllowedBefore<number>(10);
  before.allow('key', at(3));
  t.equal(before.find('key', ['who'], 2)?.value, 3);
  t.equal(before.find('key', ['who'], 3), undefined, 'written to since');
  before.refuse('who', 2);
  t.ok(before.find('key', ['who'], 0), 'refused earlier');
  before.refuse('who', 4);
  before.refuse('who', 1);
  t.equal(before.find('key', ['who'], 0), undefined);
  t.ok(before.find('key', ['other'], 0));
  before.refuse('key', 5);
  t.equal(before.find('key', [], 0), undefined);
  before.allow('key', at(4));
  t.equal(before.find('key', [], 0), undefined, 'an answer that came late');
  before.allow('key', at(6));
  t.ok(before.find('key', ['who'], 0), 'allowed again');
});

t.test('whatever falls out, nothing is allowed after a refusal', async (t) => {
  const name = constantFrom('a', 'b', 'c', 'd', 'e');
  const step = record({ allow: boolean(), name });
  holds(
    t,
    'a refused one stays refused',
    property(array(step, { maxLength: 60 }), (steps) => {
      const before = createAllowedBefore<number>(2);
      const refused = new Set<string>();
      for (const [index, one] of steps.entries()) {
        if (one.allow) before.allow(one.name, at(index + 1));
        else before.refuse(one.name, index + 1);
        if (one.allow) refused.delete(one.name);
        else refused.add(one.name);
        if ([...refused].some((key) => before.find(key, [], 0) !== undefined)) return false;
      }
      return true;
    }),
  );
});
