import { EventEmitter } from 'node:events';
import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { type LoadThread, loadConfigAside } from '../../src/config/load-aside.ts';
import { configFile } from '../support/config-file.ts';

function input(file: unknown, env: Record<string, string> = {}) {
  return { text: JSON.stringify(file), fileName: '/etc/berth/berth.yaml', env };
}

/** More than one message of them. */
function manyRegistries() {
  const [registry] = configFile().registries;
  return {
    ...configFile(),
    registries: Array.from({ length: 250 }, (_, index) => ({
      ...registry,
      name: `team${index}`,
      loginServer: `team${index}.registry.example`,
    })),
  };
}

t.test('the same configuration as without a thread, of few registries and of many', async (t) => {
  const env = { BERTH_LOG_LEVEL: 'debug', HOME: '/nowhere' };
  for (const file of [configFile(), manyRegistries()]) {
    const result = await loadConfigAside(input(file, env));
    t.equal(result.kind, 'ok');
    t.same(result, loadConfig(input(file, env)));
    t.equal(result.kind === 'ok' && result.config.log.level, 'debug');
  }
});

t.test('the same problems', async (t) => {
  const file = { ...configFile({ delivery: 'inlien' }), port: 1 };
  const result = await loadConfigAside(input(file));
  t.equal(result.kind, 'problems');
  t.same(result, loadConfig(input(file)));
  const broken = { ...input(file), text: 'registries: [' };
  t.same(await loadConfigAside(broken), loadConfig(broken));
});

t.test('a thread that ends of itself is an error, not a wait', async (t) => {
  // What can not be posted to it at all, and what it can not work with.
  await t.rejects(loadConfigAside({ ...input({}), text: undefined as never }));
});

/** A thread that never answers; `act` is what becomes of it once it has been asked. */
function fakeThread(act: (thread: EventEmitter) => void, onTerminate = (_thread: EventEmitter) => {}) {
  const thread = Object.assign(new EventEmitter(), {
    postMessage: () => act(thread),
    terminate() {
      onTerminate(thread);
      return Promise.resolve(1);
    },
  }) satisfies LoadThread;
  return thread;
}

t.test('a thread that fails after the deadline ends nothing but itself', async (t) => {
  const patience = new AbortController();
  const thread = fakeThread(
    () => patience.abort(),
    (late) => late.emit('error', new Error('out of memory')),
  );
  await t.rejects(
    loadConfigAside(input({}), { startThread: () => thread, deadline: patience.signal }),
    /could not be read within 120 s: give Berth more CPU/,
  );
});

t.test('what the thread dies of is the error, also between two of its messages', async (t) => {
  const failure = new Error('out of memory');
  const never = new AbortController().signal;
  const during = fakeThread((thread) => thread.emit('error', failure));
  await t.rejects(loadConfigAside(input({}), { startThread: () => during, deadline: never }), failure);

  const between = fakeThread((thread) => {
    thread.emit('message', { kind: 'registries', registries: [] });
    thread.emit('error', failure);
  });
  await t.rejects(loadConfigAside(input({}), { startThread: () => between, deadline: never }), failure);

  const silent = fakeThread((thread) => thread.emit('exit', 0));
  await t.rejects(
    loadConfigAside(input({}), { startThread: () => silent, deadline: never }),
    /what reads \/etc\/berth\/berth\.yaml ended before it was done: try again/,
  );
});
