import { setTimeout as sleep } from 'node:timers/promises';
import type { Catalogue } from './catalogue.ts';
import { type Fleet, REGISTRY, type Replica } from './fleet.ts';
import type { Random } from './random.ts';

/** What an operator does, and what befalls a machine. */
export const DISTURBANCES = [
  'reload',
  'gc',
  'remove',
  'rotate',
  'switch',
  'empty',
  'restart',
  'kill',
] as const;
export type Disturbance = (typeof DISTURBANCES)[number];

export type Disturber = {
  start(): void;
  /** Resolves when everything is as it should be again. */
  stop(): Promise<void>;
  readonly counts: ReadonlyMap<Disturbance, number>;
  /** Commands that failed although nothing was to keep them from it. */
  readonly failures: readonly string[];
};

/** Milliseconds between two. */
const BETWEEN_MS = [2000, 6000] as const;
/** Milliseconds that data endpoints stay off. */
const SWITCHED_OFF_MS = [1000, 4000] as const;
/** Milliseconds that a killed replica stays away. */
const AWAY_MS = [500, 4000] as const;
/** Keys are rotated again when all replicas have taken up the last ones, as docs/tickets.md demands; milliseconds. */
const ROTATED_AT_LEAST_MS = 15_000;
const WEIGHTS: Readonly<Record<Disturbance, number>> = {
  reload: 3,
  gc: 2,
  remove: 3,
  rotate: 1,
  switch: 1,
  empty: 3,
  restart: 1,
  kill: 1,
};

export function createDisturber(options: {
  readonly fleet: Pick<Fleet, 'replicas' | 'emptyStore'>;
  readonly catalogue: Catalogue;
  readonly random: Random;
  readonly say: (text: string) => void;
}): Disturber {
  const { fleet, catalogue, random, say } = options;
  // The others live as long as the run, so that their memory has a trend.
  const [, mortal] = fleet.replicas;
  const keeping = [fleet.replicas[0], mortal] as const;
  const counts = new Map<Disturbance, number>(DISTURBANCES.map((word) => [word, 0]));
  const failures: string[] = [];
  let rotatedAt = 0;
  let stopping = new AbortController();
  let running: Promise<unknown> = Promise.resolve();

  const command = async (replica: Replica, args: readonly string[]): Promise<void> => {
    await replica.berth().command(args);
  };

  async function replaceOne(how: 'restart' | 'kill', signal: AbortSignal): Promise<void> {
    say(`${mortal.name}: ${how}`);
    if (how === 'kill') mortal.kill();
    else await mortal.stop();
    await sleep(random.between(...AWAY_MS), undefined, { signal }).catch(() => undefined);
    await mortal.restart();
  }

  async function carryOut(what: Disturbance, signal: AbortSignal): Promise<void> {
    const replica = random.pick(what === 'gc' || what === 'remove' ? keeping : fleet.replicas);
    switch (what) {
      case 'reload':
        process.kill(replica.berth().daemon.pid, 'SIGHUP');
        return;
      case 'gc':
        return command(replica, ['cache', 'gc']);
      case 'remove': {
        const { blob } = catalogue.pickBlob(random, 1);
        // It may not be there, which is exit code 1.
        return command(replica, ['cache', 'rm', blob.digest]).catch(() => undefined);
      }
      case 'rotate':
        if (Date.now() - rotatedAt < ROTATED_AT_LEAST_MS) return;
        await command(replica, ['ticket-key', 'rotate']);
        rotatedAt = Date.now();
        return;
      case 'switch': {
        const to = (value: boolean) => [
          'update',
          '--name',
          REGISTRY,
          '--data-endpoint-enabled',
          String(value),
        ];
        await command(replica, to(false));
        await sleep(random.between(...SWITCHED_OFF_MS), undefined, { signal }).catch(() => undefined);
        return command(replica, to(true));
      }
      case 'empty':
        // Its line may be broken now.
        return fleet.emptyStore().catch(() => undefined);
      case 'restart':
      case 'kill':
        return replaceOne(what, signal);
    }
  }

  async function disturb(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(random.between(...BETWEEN_MS), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const what = random.weighted(WEIGHTS);
      counts.set(what, (counts.get(what) ?? 0) + 1);
      try {
        await carryOut(what, signal);
      } catch (error) {
        failures.push(`${what}: ${String(error)}`);
        say(`${what} failed: ${String(error)}`);
      }
    }
  }

  return {
    counts,
    failures,
    start() {
      stopping = new AbortController();
      running = disturb(stopping.signal);
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
