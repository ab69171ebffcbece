import * as fc from 'fast-check';
import t from 'tap';
import { createProcessState } from '../../src/state/create-process-state.ts';
import { sharedStateContract } from '../support/contract/shared-state.ts';
import { holdsInTime } from '../support/property.ts';

await t.test('contract', (t) =>
  sharedStateContract(t, () => {
    let time = 0;
    const state = createProcessState(() => time);
    const pass = (milliseconds: number): Promise<void> => {
      time += milliseconds;
      return Promise.resolve();
    };
    return Promise.resolve({ state, other: state, pass });
  }),
);

await t.test('a lease never has two owners, whatever happens when', async (t) => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('acquire' as const), ttl: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ kind: fc.constant('renew' as const), of: fc.nat(5) }),
    fc.record({ kind: fc.constant('release' as const), of: fc.nat(5) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 60 }) }),
  );
  await holdsInTime(
    t,
    'one owner, and its token is the largest',
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      let time = 0;
      const state = createProcessState(() => time);
      const owners: {
        lease: { token: number; renew(): Promise<boolean>; release(): Promise<void> };
        ttl: number;
        until: number;
      }[] = [];
      for (const at of steps) {
        if (at.kind === 'pass') time += at.ms;
        else if (at.kind === 'acquire') {
          const lease = await state.acquire('one', at.ttl);
          const isHeld = owners.some(({ until }) => until > time);
          if (lease === undefined) return false;
          if (lease === 'held') {
            if (!isHeld) return false;
            continue;
          }
          if (isHeld || owners.some((owner) => owner.lease.token >= lease.token)) return false;
          owners.push({ lease, ttl: at.ttl, until: time + at.ttl });
        } else {
          const owner = owners[at.of];
          if (owner === undefined) continue;
          const isHeld = owner.until > time;
          if (at.kind === 'renew') {
            if ((await owner.lease.renew()) !== isHeld) return false;
            if (isHeld) owner.until = time + owner.ttl;
          } else {
            await owner.lease.release();
            owner.until = Math.min(owner.until, time);
          }
        }
      }
      return true;
    }),
    500,
  );
});
