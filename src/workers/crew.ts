import type { Config } from '../config/config.ts';
import type { Override } from '../endpoints/settings-document.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { WorkView } from '../metrics/running-work.ts';
import { keepCounts, type MetricsSnapshot, type OtherProcesses } from '../metrics/sum-metrics.ts';
import type { Digest } from '../oci/digest.ts';
import { coalesce } from './coalesce.ts';
import { diffConfig } from './config-change.ts';
import { createDesk, type DeskDeps } from './desk.ts';
import { createLimitExchange } from './limit-exchange.ts';
import { createLink, type Link, LinkError } from './link.ts';
import type { ForkWorker, WorkerProcess } from './raw-port.ts';
import { createRestartPause } from './restart-pause.ts';
import { within } from './within.ts';
import type { AskPrimary, AskWorker, TellPrimary, TellWorker, WorkerStart } from './worker-messages.ts';

/** All workers of the primary, each replaced when it ends. */
export type Crew = {
  /** Resolves when all listen. @throws Error of the first that can not, with its words; then none is left */
  start(): Promise<void>;
  /** In force at all workers when it resolves, or at those that answer in time. */
  reload(config: Config, ticketKeys: string): Promise<void>;
  /** As `reload`. */
  switchSettings(overrides: ReadonlyMap<string, Override>): Promise<void>;
  /** Nobody is to find this blob any more. */
  removed(digest: Digest): void;
  readonly metrics: OtherProcesses;
  work(): Promise<readonly WorkView[]>;
  /** Names of the conditions for traffic that do not hold at some worker. */
  failing(): ReadonlySet<string>;
  /** How many answer clients now. */
  readonly running: number;
  /** What is under way may end within so long; then every worker has ended, or is told of in the log and left. */
  drain(withinMs: number): Promise<void>;
};

export type CrewDeps = Omit<DeskDeps, 'forgetEverywhere'> & {
  readonly count: number;
  readonly fork: ForkWorker;
  /** What a worker that begins now is to begin with. */
  readonly begin: () => Omit<WorkerStart, 'number' | 'limits'>;
  readonly metrics: Pick<Metrics, 'workers' | 'workerRestarts'>;
  /** Calls again and again; the function returned ends that. Left out: a timer that keeps no process alive. */
  readonly repeat?: (act: () => void, everyMs: number) => () => void;
  /** Milliseconds for a worker to end beyond what it was given; left out: five seconds. */
  readonly graceMs?: number;
  readonly log: {
    info(facts: object, message: string): void;
    warn(facts: object, message: string): void;
    error(facts: object, message: string): void;
  };
};

type Worker = {
  readonly number: number;
  readonly process: WorkerProcess;
  readonly link: Link<AskWorker, TellWorker>;
  isRunning: boolean;
  failing: readonly string[];
  /** Looks since its last pulse. */
  silentFor: number;
  counted: MetricsSnapshot;
  /** The configuration that it was told last. */
  told: Config;
  readonly startedAt: number;
};

/** Milliseconds between two looks whether workers are alive. */
const LOOK_MS = 1000;
/**
 * Looks in a row without a pulse. The system goes on handing connections to a worker that hangs, and containerd gives up after
 * 30 s without a header section; half of that leaves time to replace it. A machine that slept for an hour missed one look.
 */
const MAX_SILENT = 15;
/** Looks in a row without a pulse after which nobody waits to hear how one does: a scrape has ten seconds as a rule. */
const MAX_UNHEARD = 2;
/** Looks after which workers are asked for their counts: what one that dies has counted is known up to there. */
const GATHER_LOOKS = 5;
/** Milliseconds for an answer that somebody waits for. A worker that needs longer hangs, and is replaced by and by. */
const ANSWER_MS = 5000;
/** Milliseconds from fork until it listens: it reads the certificates, and a busy machine starts slowly. */
const START_MS = 60_000;
/** Milliseconds beyond the drain's own deadline. */
const DRAIN_GRACE_MS = 5000;

export function createCrew(deps: CrewDeps): Crew {
  const { count, fork, log, graceMs = DRAIN_GRACE_MS } = deps;
  const workers = new Map<number, Worker>();
  const timers = new Set<NodeJS.Timeout>();
  const limits = createLimitExchange((from, changes) => {
    for (const { number, link } of workers.values()) if (number !== from) link.note('limits', changes);
  });
  let departed: MetricsSnapshot = [];
  let isStopping = false;

  const all = (): Worker[] => [...workers.values()];
  const heard = (): Worker[] => all().filter(({ silentFor }) => silentFor <= MAX_UNHEARD);
  const forgetMetric = deps.metrics.workers.collect(() => {
    const running = all().filter(({ isRunning }) => isRunning).length;
    return [
      [{ state: 'running' }, running],
      [{ state: 'starting' }, workers.size - running],
    ];
  });

  /** What each of them says; one that does not in time is left out. */
  async function askAll<K extends keyof AskWorker>(
    name: K,
    ask: AskWorker[K]['ask'] | ((worker: Worker) => AskWorker[K]['ask']),
    hear?: (worker: Worker, answer: AskWorker[K]['answer']) => void,
    whom: readonly Worker[] = all(),
  ): Promise<void> {
    await Promise.all(
      whom.map(async (worker) => {
        try {
          const answer = await within(
            worker.link.call(name, typeof ask === 'function' ? ask(worker) : ask),
            ANSWER_MS,
          );
          hear?.(worker, answer);
        } catch (error) {
          if (!isStopping) {
            log.warn(
              { worker: worker.number, question: name, error: messageOf(error) },
              'a worker did not answer',
            );
          }
        }
      }),
    );
  }

  async function forgetEverywhere(group: string): Promise<void> {
    await askAll('forget', group);
  }

  /** Begins one; resolves when it listens. @throws where it does not; it is gone then */
  async function launch(number: number): Promise<void> {
    const process = fork();
    const start = { number, ...deps.begin(), limits: limits.total() };
    // The desk needs the link to speak by, and the link the desk to be heard by.
    const desk = createDesk(() => worker.link, { ...deps, forgetEverywhere });
    const link = createLink<AskWorker, TellWorker, AskPrimary, TellPrimary>(process, desk.calls, {
      ...desk.notes,
      pulse(failing) {
        worker.failing = failing;
        worker.silentFor = 0;
      },
      limits: (changes) => limits.told(number, changes),
    });
    const worker: Worker = {
      number,
      process,
      link,
      isRunning: false,
      failing: [],
      silentFor: 0,
      counted: [],
      told: start.config,
      startedAt: performance.now(),
    };
    workers.set(number, worker);
    const gone = bury(worker, () => desk.close());
    try {
      await within(link.call('start', start), START_MS);
    } catch (error) {
      process.kill();
      await gone;
      throw error;
    }
    worker.isRunning = true;
    worker.silentFor = 0;
    log.info({ worker: number, pid: process.pid }, 'worker listens');
    void gone.then(() => replace(worker));
  }

  async function bury(worker: Worker, close: () => void): Promise<void> {
    await worker.link.closed;
    workers.delete(worker.number);
    close();
    limits.left(worker.number);
    departed = keepCounts(departed, worker.counted);
  }

  const pauses = createRestartPause();

  /** A worker that ran has ended by itself. */
  function replace({ number, process, startedAt }: Worker): void {
    if (isStopping) return;
    const afterMs = pauses.next(performance.now() - startedAt);
    log.error({ worker: number, pid: process.pid, afterMs }, 'a worker has ended: it is replaced');
    launchLater(number, afterMs);
  }

  function launchLater(number: number, afterMs: number): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (isStopping) return;
      deps.metrics.workerRestarts.inc({});
      launch(number).catch((error: unknown) => {
        if (isStopping) return;
        const againMs = pauses.next(0);
        log.error(
          { worker: number, error: messageOf(error), afterMs: againMs },
          'a worker can not be started',
        );
        launchLater(number, againMs);
      });
    }, afterMs);
    timers.add(timer);
  }

  let looks = 0;
  function look(): void {
    for (const worker of workers.values()) {
      worker.silentFor += 1;
      if (worker.silentFor <= MAX_SILENT || !worker.isRunning) continue;
      log.error({ worker: worker.number, pid: worker.process.pid }, 'a worker hangs: it is killed');
      worker.process.kill();
      worker.silentFor = 0;
    }
    looks += 1;
    if (looks % GATHER_LOOKS === 0) void gather();
  }

  async function gatherNow(): Promise<readonly MetricsSnapshot[]> {
    // At once: it may have ended by the time that the others have answered.
    const hear = (worker: Worker, snapshot: MetricsSnapshot): void => {
      worker.counted = snapshot;
    };
    await askAll('metrics', undefined, hear, heard());
    return [departed, ...all().map(({ counted }) => counted)];
  }

  const gather = coalesce(gatherNow);
  const stopLooking = (deps.repeat ?? repeatByTimer)(look, LOOK_MS);

  /** One that waits in the kernel, for a disk that hangs, dies when the disk answers: whoever ends waits for no such thing. */
  async function kill({ number, process, link }: Worker): Promise<void> {
    process.kill();
    try {
      await within(link.closed, graceMs);
    } catch {
      log.error(
        { worker: number, pid: process.pid },
        'a worker that was killed is still there: look for a disk or mount that hangs',
      );
    }
  }

  async function stopOne(worker: Worker, withinMs: number): Promise<void> {
    if (!worker.isRunning) return kill(worker);
    try {
      worker.counted = await within(worker.link.call('drain', { withinMs }), withinMs + graceMs);
      worker.link.note('end', undefined);
      await within(worker.link.closed, graceMs);
    } catch {
      await kill(worker);
    }
  }

  return {
    async start() {
      try {
        // The first alone: what keeps one from starting keeps all of them.
        await launch(1);
        await Promise.all(Array.from({ length: count - 1 }, (_, index) => launch(index + 2)));
      } catch (error) {
        isStopping = true;
        await Promise.all(all().map((worker) => stopOne(worker, 0)));
        throw error instanceof LinkError ? new Error(error.message) : error;
      }
    },
    async reload(config, ticketKeys) {
      await askAll('reload', (worker) => {
        const change = diffConfig(worker.told, config);
        worker.told = config;
        return { change, ticketKeys };
      });
    },
    async switchSettings(overrides) {
      await askAll('settings', overrides);
    },
    removed(digest) {
      for (const { link } of workers.values()) link.note('removed', digest);
    },
    metrics: { gather },
    async work() {
      const views: WorkView[] = [];
      await askAll('work', undefined, (_worker, theirs) => views.push(...theirs), heard());
      return views;
    },
    failing: () => new Set(all().flatMap(({ failing }) => failing)),
    get running() {
      return all().filter(({ isRunning }) => isRunning).length;
    },
    async drain(withinMs) {
      isStopping = true;
      stopLooking();
      for (const timer of timers) clearTimeout(timer);
      await Promise.all(all().map((worker) => stopOne(worker, withinMs)));
      forgetMetric();
    },
  };
}

function repeatByTimer(act: () => void, everyMs: number): () => void {
  const timer = setInterval(act, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}
