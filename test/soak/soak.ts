import { setTimeout as sleep } from 'node:timers/promises';
import { HOSTS } from '../e2e/hosts-file.ts';
import { USERS } from '../e2e/token-service.ts';
import { bearer, createHttp, uploadImage } from '../e2e/upload-image.ts';
import { buildImage } from '../support/image.ts';
import { type Catalogue, createCatalogue, type Entry } from './catalogue.ts';
import { type ClientDeps, runPrograms, runPuller } from './clients.ts';
import { createDisturber, type Disturber } from './disturb.ts';
import { createFaultPlan, type FaultCounts } from './fault-plan.ts';
import { faultsOfItsOwn } from './faults-of-its-own.ts';
import { type Fleet, LOGIN, type Replica, startFleet } from './fleet.ts';
import { createSoakHttp } from './http.ts';
import { isSettled } from './judge.ts';
import { createPuller, type Puller } from './puller.ts';
import { runPusher } from './pusher.ts';
import { createRandom } from './random.ts';
import type { SoakSettings } from './settings.ts';
import { createTasks, type Running, type Tally, type Tasks } from './task.ts';
import { diskBytesOf, type Held, lookAt, startWatch } from './watch.ts';

/** One replica's own, without faults and clients: before, and after. */
export type Quiet = {
  readonly name: string;
  readonly before: Held;
  readonly after: Held;
  /** On disk, afterwards. */
  readonly diskBytes: number;
};

export type SoakOutcome = {
  readonly tally: Tally;
  readonly faults: FaultCounts;
  readonly disturbances: Disturber['counts'];
  readonly disturbanceFailures: readonly string[];
  /** Clients that were not done although the faults had paused for long. */
  readonly unfinished: readonly string[];
  readonly pauses: number;
  /** Resumes that clients saw. */
  readonly clientResumes: number;
  readonly complaints: readonly string[];
  readonly looks: number;
  /** Of those that ran all the time. */
  readonly lasting: readonly { readonly name: string; readonly samples: readonly Held[] }[];
  readonly quiet: readonly Quiet[];
  /** Of those that ran all the time, at their end. */
  readonly metrics: readonly { readonly name: string; readonly text: string }[];
  /** Lines of Berth's logs that say that it failed itself. */
  readonly faultsOfItsOwn: readonly string[];
  readonly images: number;
  readonly seconds: number;
};

const PULLERS = 5;
const MIB = 1024 * 1024;
const IMAGES = 9;
const WARM_MS = 20_000;
/** Milliseconds of faults before each pause. */
const ROUGH_MS = 40_000;
const PAUSE_AT_LEAST_MS = 5000;
/**
 * Milliseconds in which every client has to be done once the faults pause: that it is done is the fact, so it is far more than the 90 s
 * that a program's one try may take on a machine that does other things, too.
 */
const DONE_WITHIN_MS = 240_000;
/** Milliseconds in which everything that was lent has to be back once nobody asks for anything. */
const QUIET_WITHIN_MS = 120_000;
const QUIET_LOOK_MS = 500;

export async function soak(
  settings: SoakSettings,
  say: (text: string) => void,
  stop: AbortSignal,
): Promise<SoakOutcome> {
  const { programs, directory } = settings;
  const fleet = await startFleet({ programs, directory, say });
  try {
    say('the fleet is up');
    const catalogue = createCatalogue(await pushFirstImages(fleet));
    say(`${catalogue.entries.length} images are pushed to both regions`);
    return await runSoak(settings, fleet, catalogue, say, stop);
  } finally {
    await fleet.end();
  }
}

async function pushFirstImages(fleet: Fleet): Promise<[Entry, ...Entry[]]> {
  const architectures = [process.arch === 'x64' ? 'amd64' : process.arch];
  const http = createHttp(fleet.authority);
  const entries: Entry[] = [];
  try {
    for (let number = 1; number <= IMAGES; number += 1) {
      const repository = `public/image-${number}`;
      const sizes = number === 1 ? [17 * MIB, 2 * MIB] : [6 * MIB, 3 * MIB + number, 70_000];
      const image = buildImage({ seed: repository, layerSizes: sizes, architectures });
      const { realm, service } = fleet.tokens;
      const scope = `repository:${repository}:pull,push`;
      const authorization = await bearer(http, realm, service, scope, ['pusher', USERS.pusher]);
      for (const registry of [HOSTS.eastUpstream.name, HOSTS.westUpstream.name]) {
        await uploadImage(http, { registry, repository, tag: 'v1', authorization }, image);
      }
      entries.push({ repository, tag: 'v1', image });
    }
  } finally {
    http.close();
  }
  const [first, ...others] = entries;
  if (first === undefined) throw new Error('there are images');
  return [first, ...others];
}

type Crowd = { readonly puller: Puller; readonly close: () => void };

async function runSoak(
  settings: SoakSettings,
  fleet: Fleet,
  catalogue: Catalogue,
  say: (text: string) => void,
  stop: AbortSignal,
): Promise<SoakOutcome> {
  const random = createRandom(settings.seed);
  const lastResort = new AbortController();
  const tasks = createTasks(AbortSignal.any([stop, lastResort.signal]));
  let clientResumes = 0;
  const open = (): Crowd => {
    const http = createSoakHttp(fleet.authority.cert);
    const { service } = fleet.tokens;
    const onResume = () => {
      clientResumes += 1;
    };
    return { puller: createPuller({ http, login: LOGIN, service, onResume }), close: () => http.close() };
  };
  const watch = startWatch(fleet.replicas, say);
  const wait = (milliseconds: number) => sleep(milliseconds, undefined, { signal: stop });
  try {
    say('warm-up: clients, no faults');
    const warm = startClients(settings, fleet, { tasks, catalogue, random: random.fork('warm-up'), open });
    await wait(Math.min(WARM_MS, settings.seconds * 500));
    await warm.end();
    await pullAllThroughEach(fleet, catalogue, tasks, open);
    const before = await untilQuiet(fleet, say, stop);
    const plan = createFaultPlan(fleet.links, random.fork('faults'));
    const disturber = createDisturber({ fleet, catalogue, random: random.fork('disturbances'), say });
    const clients = startClients(settings, fleet, { tasks, catalogue, random: random.fork('clients'), open });
    const unfinished: string[] = [];
    let pauses = 0;
    const endsAt = Date.now() + settings.seconds * 1000;
    while (Date.now() < endsAt) {
      plan.start();
      disturber.start();
      try {
        await wait(Math.min(ROUGH_MS, endsAt - Date.now()));
      } finally {
        await Promise.all([plan.stop(), disturber.stop()]);
      }
      pauses += 1;
      unfinished.push(...(await finishing(tasks, stop)));
      const failed = [...tasks.tally.failedTries.values()].reduce((sum, count) => sum + count, 0);
      const done = [...tasks.tally.done.values()].reduce((sum, count) => sum + count, 0);
      say(`pause ${pauses}: ${done} done, ${failed} tries failed, ${unfinished.length} unfinished`);
      await wait(PAUSE_AT_LEAST_MS);
    }
    const giveUp = setTimeout(() => {
      unfinished.push(...described(tasks.running));
      lastResort.abort();
    }, DONE_WITHIN_MS);
    await clients.end();
    clearTimeout(giveUp);
    say('all clients are done; every image through each replica once more');
    await pullAllThroughEach(fleet, catalogue, tasks, open);
    const quietNow = await untilQuiet(fleet, say, stop);
    const after = await untilSettled(fleet, before, quietNow, stop);
    const lasting = [fleet.replicas[0], fleet.replicas[2]];
    return {
      tally: tasks.tally,
      faults: plan.counts,
      disturbances: disturber.counts,
      disturbanceFailures: disturber.failures,
      unfinished,
      pauses,
      clientResumes,
      complaints: watch.complaints,
      looks: watch.looks(),
      lasting: lasting.map((replica) => ({ name: replica.name, samples: watch.samples(replica) })),
      quiet: await quietOf(fleet, before, after),
      metrics: await Promise.all(
        lasting.map(async ({ name, berth }) => ({ name, text: await berth().metrics() })),
      ),
      faultsOfItsOwn: await readFaults(fleet),
      images: catalogue.entries.length,
      seconds: settings.seconds,
    };
  } finally {
    await watch.stop();
  }
}

/** Those that were under way when the faults paused and are not done in time. */
async function finishing(tasks: Tasks, stop: AbortSignal): Promise<string[]> {
  const begun = [...tasks.running];
  const deadline = Date.now() + DONE_WITHIN_MS;
  for (;;) {
    const left = begun.filter((running) => tasks.running.has(running));
    if (left.length === 0) return [];
    if (Date.now() > deadline) return described(left);
    await sleep(200, undefined, { signal: stop });
  }
}

function described(running: Iterable<Running>): string[] {
  return Array.from(running, ({ what, lastFailure }) => `${what}: ${lastFailure}`);
}

function startClients(
  { programs, directory }: SoakSettings,
  fleet: Fleet,
  deps: Pick<ClientDeps, 'tasks' | 'catalogue' | 'random'> & { readonly open: () => Crowd },
): { end(): Promise<void> } {
  const enough = new AbortController();
  const of = (name: string): ClientDeps => ({
    ...deps,
    random: deps.random.fork(name),
    signal: enough.signal,
  });
  const crowds = Array.from({ length: PULLERS }, deps.open);
  const http = createSoakHttp(fleet.authority.cert);
  const { caFile } = fleet.authority;
  const all = Promise.all([
    ...crowds.map(({ puller }, index) => runPuller(puller, of(`puller ${index}`))),
    runPrograms({ programs, directory, caFile, login: LOGIN }, of('programs')),
    runPusher({ http, login: LOGIN, service: fleet.tokens.service }, of('pusher')),
  ]);
  return {
    async end() {
      enough.abort();
      await all;
      for (const crowd of crowds) crowd.close();
      http.close();
    },
  };
}

async function pullAllThroughEach(
  fleet: Fleet,
  catalogue: Catalogue,
  tasks: Tasks,
  open: () => Crowd,
): Promise<void> {
  for (const [index, replica] of fleet.replicas.entries()) {
    fleet.only(index);
    const { puller, close } = open();
    for (const entry of catalogue.entries) {
      await tasks.run('last', `${entry.repository} through ${replica.name}`, () => puller.pull(entry));
    }
    close();
  }
  fleet.only(undefined);
}

/**
 * Waits until nothing is lent and nothing under way, for each replica at some moment: a probe of a region's storage holds a buffer for
 * as long as its connection is kept, and each replica has its own time for it. What never was so stands in what it gives.
 */
async function untilQuiet(fleet: Fleet, say: (text: string) => void, stop: AbortSignal): Promise<Held[]> {
  const deadline = Date.now() + QUIET_WITHIN_MS;
  const found = await Promise.all(
    fleet.replicas.map(async (replica) => {
      for (;;) {
        const held = await lookAt(replica);
        if (held === undefined) throw new Error(`${replica.name} is not there`);
        const { bufferBytes, fills, requests, uploads, connections } = held;
        const isQuiet = bufferBytes + fills + requests + uploads + connections === 0;
        if (isQuiet) return held;
        if (Date.now() > deadline) {
          say(`${replica.name} is not quiet: ${await inFlightOf(replica)}`);
          return held;
        }
        await sleep(QUIET_LOOK_MS, undefined, { signal: stop });
      }
    }),
  );
  say(`quiet: ${JSON.stringify(found)}`);
  return found;
}

/**
 * What each holds once it is as little as the end allows, or after the same bound: garbage is collected, and connections that wait for a
 * next question are closed, when their time comes.
 */
async function untilSettled(
  fleet: Fleet,
  before: readonly Held[],
  quietNow: readonly Held[],
  stop: AbortSignal,
): Promise<Held[]> {
  const deadline = Date.now() + QUIET_WITHIN_MS;
  return Promise.all(
    fleet.replicas.map(async (replica, index) => {
      const [first, last] = [before[index], quietNow[index]];
      if (first === undefined || last === undefined) throw new Error(`${replica.name} was not there`);
      let held = last;
      while (!isSettled(first, held) && Date.now() < deadline) {
        await sleep(QUIET_LOOK_MS, undefined, { signal: stop });
        const { rssBytes, heapBytes, descriptors } = (await lookAt(replica)) ?? held;
        // What is lent is what it was in that quiet moment: a probe lends something now and then.
        held = { ...held, rssBytes, heapBytes, descriptors };
      }
      return held;
    }),
  );
}

async function inFlightOf(replica: Replica): Promise<string> {
  const lines = (await replica.berth().metrics()).split('\n');
  return lines.filter((line) => /^berth_(http_requests_in_flight|connections_open)/.test(line)).join('; ');
}

async function quietOf(
  { replicas }: Fleet,
  before: readonly Held[],
  after: readonly Held[],
): Promise<Quiet[]> {
  const found: Quiet[] = [];
  for (const [index, replica] of replicas.entries()) {
    const [one, other] = [before[index], after[index]];
    if (one === undefined || other === undefined) throw new Error(`${replica.name} was not there`);
    found.push({ name: replica.name, before: one, after: other, diskBytes: await diskBytesOf(replica) });
  }
  return found;
}

async function readFaults(fleet: Fleet): Promise<string[]> {
  const logs = await Promise.all(fleet.replicas.map((replica) => replica.readLogs()));
  return logs.flatMap(faultsOfItsOwn);
}
