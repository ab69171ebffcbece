import t from 'tap';
import { until } from '../support/until.ts';
import { createFaultPlan } from './fault-plan.ts';
import type { FaultKind, Link } from './link.ts';
import { createRandom } from './random.ts';

/** Says what befell it. */
function createSpy(name: string): Link & { readonly seen: FaultKind[]; isBroken: boolean } {
  const spy = {
    name,
    seen: [] as FaultKind[],
    isBroken: false,
    begin: async (kind: FaultKind) => {
      spy.seen.push(kind);
      spy.isBroken = true;
    },
    clear: async () => {
      spy.isBroken = false;
    },
    only: () => undefined,
    connections: () => 0,
    end: async () => undefined,
  };
  return spy;
}

t.test('every line has its faults, counted, and is sound when the plan stops', async (t) => {
  const [one, other] = [createSpy('one'), createSpy('other')];
  const kinds = ['cut', 'garbage'] as const;
  const plan = createFaultPlan(
    [
      { link: one, kinds: [...kinds] },
      { link: other, kinds: ['stall'] },
    ],
    createRandom(3),
  );
  plan.start();
  await until(() => one.seen.length > 0 && other.seen.length > 0, 'a fault on each');
  await plan.stop();
  t.notOk(one.isBroken || other.isBroken);
  t.ok(one.seen.every((kind) => kind === 'cut' || kind === 'garbage'));
  t.ok(other.seen.every((kind) => kind === 'stall'));
  const counted = [...(plan.counts.get('one')?.values() ?? [])].reduce((sum, count) => sum + count, 0);
  t.equal(counted, one.seen.length);
  const before = one.seen.length;
  plan.start();
  await until(() => one.seen.length > before, 'it goes on');
  await plan.stop();
});
