import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createLogger } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { type DoorParts, sharedSettings } from '../../src/serving/door-parts.ts';
import type { Doors } from '../../src/serving/open-doors.ts';
import { createPrepareRegistry, type Preparation } from '../../src/serving/prepare-registry.ts';
import { createStateSeal } from '../../src/ticket/state-seal.ts';
import { generateTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { NO_TRACING } from '../../src/trace/tracing.ts';
import { createAuthorityReader } from '../../src/upstream/authorities.ts';
import { createBufferPool } from '../../src/upstream/buffer-pool.ts';
import { createTestAuthority } from '../support/ca.ts';
import { configFile, loaded, loadedRegistry } from '../support/config-file.ts';

const SETTINGS = sharedSettings(loaded(configFile()));
const REGISTRY = loadedRegistry();

/** Doors that say which parts they were made of. */
type KnownDoors = Doors & { readonly parts: DoorParts };

function open() {
  const made: string[] = [];
  const keys = generateTicketKeys();
  const log = createLogger({ level: 'error', destination: { write: () => undefined } });
  const prepare = createPrepareRegistry({
    openDoors(parts) {
      made.push(parts.registry.name);
      return { parts, upstream: parts.upstream } as KnownDoors;
    },
    record: { note: () => undefined, forget: () => undefined },
    state: { kind: 'process' } as never,
    seal: createStateSeal(() => keys),
    log,
    metrics: createMetrics(),
    pool: createBufferPool(1024 * 1024),
    lookup: undefined,
    tracing: NO_TRACING,
  });
  return { made, prepare };
}

function preparation(changes: Partial<Preparation> = {}): Preparation {
  return {
    settings: SETTINGS,
    readAuthorities: createAuthorityReader(),
    onClosed: () => undefined,
    onAuthorities: () => undefined,
    ...changes,
  };
}

t.test('nothing is made of a registry that nobody asks for', async (t) => {
  const { made, prepare } = open();
  const prepared = prepare(REGISTRY, undefined, preparation());
  t.same(made, []);
  t.equal(prepared.connection.upstream.opened, undefined, 'no connection, no queue');
  t.equal(prepared.doors, prepared.doors);
  t.same(made, ['contoso'], 'made once');
});

t.test('R3 what says what it said is kept whole, opened or not', async (t) => {
  const { prepare } = open();
  const first = prepare(REGISTRY, undefined, preparation());
  t.equal(prepare(REGISTRY, first, preparation()), first);
  t.equal(first.connection.upstream.opened, undefined);
});

t.test('R3 connections and decisions are kept where the change is not theirs', async (t) => {
  const { prepare } = open();
  const first = prepare(REGISTRY, undefined, preparation());

  const rules = prepare({ ...REGISTRY, publicNetworkAccess: false }, first, preparation());
  t.not(rules, first);
  t.equal(rules.connection, first.connection);
  t.equal(rules.parts.decisionScope, first.parts.decisionScope);

  const push = prepare({ ...REGISTRY, push: !REGISTRY.push }, first, preparation());
  t.equal(push.connection, first.connection);
  t.not(push.parts.decisionScope, first.parts.decisionScope);

  const upstream = { ...REGISTRY.upstream, url: 'https://other.azurecr.io' };
  const moved = prepare({ ...REGISTRY, upstream }, first, preparation());
  t.not(moved.connection, first.connection);
  t.not(moved.parts.decisionScope, first.parts.decisionScope);

  const timeouts = { ...SETTINGS.timeouts, connectSeconds: 1 };
  const hasty = prepare(REGISTRY, first, preparation({ settings: { ...SETTINGS, timeouts } }));
  t.not(hasty.connection, first.connection);
});

t.test('connections that are replaced before they are needed are no longer waited for', async (t) => {
  const { prepare } = open();
  const limits = { ...REGISTRY.upstream.limits, concurrency: 2, requestsPerMinute: 3 };
  const registry = { ...REGISTRY, upstream: { ...REGISTRY.upstream, limits } };
  const closed: unknown[] = [];
  const onClosed = (upstream: unknown) => closed.push(upstream);
  const first = prepare(registry, undefined, preparation({ onClosed }));
  t.ok(first.connection.upstream.value, 'asked');

  const timeouts = { ...SETTINGS.timeouts, connectSeconds: 1 };
  const settings = { ...SETTINGS, timeouts };
  const second = prepare(registry, first, preparation({ settings, onClosed }));
  second.connection.take(limits);
  first.connection.upstream.retire();
  t.same(closed, [first.connection.upstream]);
  t.equal(second.connection.upstream.opened, undefined);
  second.connection.upstream.retire();
  t.same(closed, [first.connection.upstream, second.connection.upstream]);
});

t.test('of several regions, too, nothing is made before they are in force', async (t) => {
  const { prepare } = open();
  const regions = REGISTRY.regions.map((region, index) => ({
    ...region,
    upstream: index === 0 ? null : { url: 'https://contoso-west.azurecr.io', auth: null },
  }));
  const { connection } = prepare({ ...REGISTRY, regions }, undefined, preparation());
  t.equal(connection.upstream.opened, undefined);
  connection.take(REGISTRY.upstream.limits);
  t.ok(connection.upstream.opened?.regions, 'their health is to be known before anybody asks');
  await connection.upstream.close();
});

t.test('what is wrong is found while nothing is made yet', async (t) => {
  const { made, prepare } = open();
  const caFile = join(t.testdir({}), 'ca.pem');
  const named = { ...REGISTRY, upstream: { ...REGISTRY.upstream, caFile } };
  t.throws(() => prepare(named, undefined, preparation()), { code: 'invalid_authorities' });
  const file = join(t.testdirName, 'none.txt');
  const auth = { kind: 'file', file } as const;
  const owned = { ...REGISTRY, upstream: { ...REGISTRY.upstream, auth } };
  t.throws(() => prepare(owned, undefined, preparation()), { name: 'CredentialsFileError' });
  t.same(made, []);
});

t.test('a file of authorities that has changed is taken up, however many name it', async (t) => {
  const { prepare } = open();
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const caFile = join(t.testdir({}), 'ca.pem');
  writeFileSync(caFile, authority.cert);
  const registry = { ...REGISTRY, upstream: { ...REGISTRY.upstream, caFile } };
  const outcomes: unknown[] = [];
  const onAuthorities = ({ result }: { result: string }) => outcomes.push(result);
  const first = prepare(registry, undefined, preparation({ onAuthorities }));
  const same = prepare(registry, first, preparation({ onAuthorities }));
  t.equal(same, first);
  writeFileSync(caFile, `${authority.cert}\n`);
  const other = prepare(registry, same, preparation({ onAuthorities }));
  t.not(other.connection, first.connection);
  t.same(outcomes, ['applied', 'unchanged', 'applied']);
});
