import t from 'tap';
import { createMigration, type MigrationEvent } from '../../src/endpoints/migration.ts';
import { migrationReport } from '../../src/endpoints/migration-report.ts';
import type { RegistryState } from '../../src/endpoints/settings.ts';
import { loadedRegistry } from '../support/config-file.ts';

const HOUR = 3_600_000;
const ON: RegistryState = {
  delivery: 'dedicated',
  dataEndpointEnabled: true,
  source: 'configuration',
  changedAt: null,
};
const OFF: RegistryState = { ...ON, delivery: 'passthrough', dataEndpointEnabled: false };

/** The verdict `hours` after the start, given what was seen and when. */
function verdict(
  hours: number,
  events: readonly (readonly [hours: number, network: string, event: MigrationEvent])[],
  {
    state = ON,
    rollout = {},
    maxNetworks,
  }: { state?: RegistryState; rollout?: Record<string, unknown>; maxNetworks?: number } = {},
) {
  let time = 0;
  const migration = createMigration({ now: () => time, ...(maxNetworks && { maxNetworks }) });
  for (const [when, network, event] of events) {
    time = when * HOUR;
    migration.record('contoso', network, event);
  }
  const registry = loadedRegistry(Object.keys(rollout).length === 0 ? {} : { rollout });
  return migrationReport(registry, state, migration.counts('contoso'), hours * HOUR).verdict;
}

const GOOD = [
  [0.5, 'a', 'storage'],
  [1, 'a', 'dataEndpoint'],
  [1, 'a', 'arrived'],
] as const;

t.test('the wildcard rule stays while anybody may get a storage host', async (t) => {
  t.match(verdict(9, GOOD, { state: OFF }), {
    wildcardRule: 'keep',
    text: /are off; switch them on with "berth update --name contoso --data-endpoint-enabled"/,
  });
  t.match(verdict(9, GOOD, { rollout: { percent: 99 } }), { wildcardRule: 'keep', text: /covers 99 %/ });
});

t.test('and while links to storage may still live', async (t) => {
  t.match(verdict(1.4, GOOD), {
    wildcardRule: 'wait',
    text: /last given out at 1970-01-01T00:30:00.000Z, .* ask again after 1970-01-01T01:30:00.000Z/,
  });
  t.match(verdict(0.9, GOOD.slice(1)), { wildcardRule: 'wait', text: /has counted since .* only/ });
});

t.test(
  'it can go once nobody has got one for long enough and clients have been at data endpoints',
  async (t) => {
    t.match(verdict(1.5, GOOD), {
      wildcardRule: 'remove',
      text: /no client has got a storage host since 1970-01-01T00:30:00.000Z, and 1 networks use/,
    });
    const inline = { ...OFF, delivery: 'inline' } as const;
    t.match(verdict(0, [], { state: inline }), { wildcardRule: 'remove', text: /needs no storage rule/ });
  },
);

t.test('with a look first, where clients did not arrive', async (t) => {
  t.match(verdict(5, []), { wildcardRule: 'check', text: /pull an image from each network first/ });
  const lost = ['b', 'c', 'd', 'e'].map((network) => [1, network, 'dataEndpoint'] as const);
  t.match(verdict(5, [...GOOD, ...lost.slice(0, 1)]), {
    wildcardRule: 'check',
    text: /^b got .* was never seen/,
  });
  t.match(verdict(5, [...GOOD, ...lost]), {
    wildcardRule: 'check',
    text: /^e, d, c and 1 more got .* were never/,
  });
});

t.test('and where networks were forgotten, of which nobody knows whether they arrived', async (t) => {
  const lost = [1, 'lost', 'dataEndpoint'] as const;
  t.match(verdict(5, [lost, ...GOOD], { maxNetworks: 1 }), {
    wildcardRule: 'check',
    text: /^1 network was forgotten to make room, .*; ask sooner after a start/,
  });
  t.match(verdict(5, [lost, [1, 'other', 'dataEndpoint'], ...GOOD], { maxNetworks: 1 }), {
    wildcardRule: 'check',
    text: /^2 networks were forgotten/,
  });
  t.match(verdict(1.4, [lost, ...GOOD], { maxNetworks: 1 }), { wildcardRule: 'wait' });
});
