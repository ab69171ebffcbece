import t, { type Test } from 'tap';
import type { Config } from '../../src/config/config.ts';
import type { MetricsSnapshot } from '../../src/metrics/sum-metrics.ts';
import { createProcessState } from '../../src/state/create-process-state.ts';
import { NO_TRACING } from '../../src/trace/tracing.ts';
import type { ConfigChange } from '../../src/workers/config-change.ts';
import { createCrew } from '../../src/workers/crew.ts';
import { createLink, type Link } from '../../src/workers/link.ts';
import type { WorkerProcess } from '../../src/workers/raw-port.ts';
import type { AskPrimary, AskWorker, TellPrimary, TellWorker } from '../../src/workers/worker-messages.ts';
import { configFile, loaded } from '../support/config-file.ts';
import { until } from '../support/until.ts';
import { createPipe } from './pipe.ts';

const CONFIG = loaded(configFile());

/** A worker that is no process: what the primary asks it, and what it says by itself. */
type FakeWorker = {
  readonly link: Link<AskPrimary, TellPrimary>;
  /** It listens. */
  begin(): void;
  readonly isKilled: boolean;
  counted: MetricsSnapshot | undefined;
  /** How often it was asked for its counts. */
  asked: number;
  readonly limits: unknown[];
  readonly reloads: ConfigChange[];
  die(): void;
};

const requests = (value: number): MetricsSnapshot => [
  { name: 'requests_total', help: '', type: 'counter', values: [{ value, labels: {} }] },
];

function openCrew(
  t: Test,
  count: number,
  options: { readonly canBeKilled: boolean } = { canBeKilled: true },
) {
  const workers: FakeWorker[] = [];
  const lines: string[] = [];
  let look = (): void => undefined;
  let restarts = 0;
  let inForce = CONFIG;
  function fork(): WorkerProcess {
    const { ends, cut } = createPipe();
    const listening = Promise.withResolvers<undefined>();
    const limits: unknown[] = [];
    const reloads: ConfigChange[] = [];
    let isKilled = false;
    const link = createLink<AskPrimary, TellPrimary, AskWorker, TellWorker>(
      ends[1],
      {
        async start(start) {
          limits.push(...start.limits);
          return listening.promise;
        },
        async reload({ change }) {
          reloads.push(change);
          return undefined;
        },
        settings: async () => undefined,
        forget: async () => undefined,
        metrics() {
          worker.asked += 1;
          return worker.counted === undefined
            ? new Promise(() => undefined)
            : Promise.resolve(worker.counted);
        },
        work: async () => [],
        drain: async () => [],
      },
      {
        end: () => options.canBeKilled && cut(),
        removed: () => undefined,
        limits: (changes) => void limits.push(...changes),
      },
    );
    const worker: FakeWorker = {
      link,
      begin: () => listening.resolve(undefined),
      get isKilled() {
        return isKilled;
      },
      counted: [],
      asked: 0,
      limits,
      reloads,
      die: cut,
    };
    workers.push(worker);
    return {
      ...ends[0],
      pid: workers.length,
      kill() {
        isKilled = true;
        if (options.canBeKilled) cut();
      },
    };
  }
  const say = (_facts: object, message: string): void => void lines.push(message);
  const crew = createCrew({
    count,
    fork,
    begin: () => ({
      config: inForce,
      ticketKeys: '',
      tlsTicketKeys: new Uint8Array(48),
      overrides: new Map(),
    }),
    store: undefined,
    attach: undefined,
    openSource: () => undefined,
    state: createProcessState(() => 0),
    tracing: NO_TRACING,
    audit: () => undefined,
    migration: { record: () => undefined },
    metrics: {
      workers: { collect: () => () => undefined } as never,
      workerRestarts: { inc: () => void (restarts += 1) } as never,
    },
    graceMs: 50,
    log: { info: say, warn: say, error: say },
    repeat(act) {
      look = act;
      return () => undefined;
    },
  });
  t.teardown(() => crew.drain(0));
  const begun = async (number: number): Promise<FakeWorker> => {
    await until(() => workers.length >= number, `worker ${number} is started`);
    const worker = workers[number - 1];
    if (worker === undefined) throw new Error('it is not there');
    worker.begin();
    return worker;
  };
  return {
    crew,
    workers,
    lines,
    begun,
    restarts: () => restarts,
    reload: (config: Config): Promise<void> => {
      inForce = config;
      return crew.reload(config, '');
    },
    look: (times: number): void => {
      for (let time = 0; time < times; time += 1) look();
    },
  };
}

t.test('one that is silent for fifteen looks is killed and replaced; the others are not', async (t) => {
  const { crew, begun, look, lines, restarts, workers } = openCrew(t, 2);
  const started = crew.start();
  const [one, two] = [await begun(1), await begun(2)];
  await started;
  look(15);
  two.link.note('pulse', []);
  // The pulse is heard before what is asked after it.
  await two.link.call('readRecord', 'any');
  t.notOk(one.isKilled);
  look(1);
  t.ok(one.isKilled);
  t.notOk(two.isKilled);
  t.ok(lines.includes('a worker hangs: it is killed'));
  await until(() => crew.running === 1, 'it is gone');
  await begun(3);
  await until(() => crew.running === 2, 'it is replaced');
  t.equal(restarts(), 1);
  t.equal(workers.length, 3);
});

t.test('one that has taken long to start is not silent', async (t) => {
  const { crew, begun, look, workers } = openCrew(t, 1);
  const started = crew.start();
  look(30);
  const one = await begun(1);
  await started;
  look(15);
  t.notOk(one.isKilled);
  look(1);
  t.ok(one.isKilled);
  t.equal(workers.length, 1);
});

t.test('what one has said last counts, although it died before the others had answered', async (t) => {
  const { crew, begun } = openCrew(t, 2);
  const started = crew.start();
  const [one, two] = [await begun(1), await begun(2)];
  await started;
  one.counted = requests(3);
  two.counted = undefined;
  const gathering = crew.metrics.gather();
  await one.link.call('readRecord', 'any');
  await one.link.call('readRecord', 'any');
  one.die();
  two.die();
  t.same((await gathering)[0], requests(3));
});

t.test('a scrape does not wait for one that has been silent: what it has said last counts', async (t) => {
  const { crew, begun, look } = openCrew(t, 2);
  const started = crew.start();
  const [one, two] = [await begun(1), await begun(2)];
  await started;
  for (const worker of [one, two]) worker.counted = requests(3);
  await crew.metrics.gather();
  look(3);
  one.link.note('pulse', []);
  await one.link.call('readRecord', 'any');
  one.counted = requests(5);
  two.counted = undefined;
  t.same((await crew.metrics.gather()).flat(), [...requests(5), ...requests(3)]);
  t.same([one.asked, two.asked], [2, 1]);
  two.link.note('pulse', []);
  await two.link.call('readRecord', 'any');
  two.counted = requests(4);
  t.same((await crew.metrics.gather()).flat(), [...requests(5), ...requests(4)]);
});

t.test('what clients have at a worker ends with it, whatever it has said last', async (t) => {
  const { crew, begun } = openCrew(t, 2);
  const started = crew.start();
  const [one, two] = [await begun(1), await begun(2)];
  await started;
  const change = { kind: 'connections', key: '192.0.2.1', by: 2 } as const;
  one.link.note('limits', [change]);
  await until(() => two.limits.length === 1, 'the other knows');
  one.die();
  await until(() => two.limits.length === 2, 'it is told of the end');
  t.same(two.limits, [change, { ...change, by: -2 }]);
  const next = await begun(3);
  await until(() => crew.running === 2, 'it is replaced');
  t.same(next.limits, [], 'nobody has anything');
});

t.test('each is told what has changed since it was told the last time', async (t) => {
  const { crew, begun, reload, workers } = openCrew(t, 2);
  const started = crew.start();
  const [one, two] = [await begun(1), await begun(2)];
  await started;
  const [first] = CONFIG.registries;
  if (first === undefined) throw new Error('no registry');
  const added = { ...first, name: 'added' };
  await reload({ ...CONFIG, registries: [first, added] });
  t.match(one.reloads, [{ registries: [0, { name: 'added' }] }]);
  one.die();
  await until(() => workers.length === 3, 'it is replaced');
  const three = await begun(3);
  await until(() => crew.running === 2, 'both run');
  await reload({ ...CONFIG, registries: [added] });
  t.same(
    two.reloads.map(({ registries }) => registries),
    [[0, added], [1]],
  );
  t.same(
    three.reloads.map(({ registries }) => registries),
    [[1]],
    'it began with what was in force',
  );
});

t.test('one that can not even be killed is told of, and not waited for', async (t) => {
  const { crew, begun, lines, workers } = openCrew(t, 2, { canBeKilled: false });
  const started = crew.start();
  await begun(1);
  // The second does not listen yet.
  await until(() => workers.length === 2, 'worker 2 is started');
  await crew.drain(0);
  t.same(
    workers.map(({ isKilled }) => isKilled),
    [true, true],
  );
  t.same(lines.filter((line) => line.startsWith('a worker that was killed is still there')).length, 2);
  // The pipes go with the processes.
  for (const worker of workers) worker.die();
  await t.rejects(started);
});
