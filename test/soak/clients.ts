import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyBlobFolder } from '../e2e/clients/verify.ts';
import type { Programs } from '../e2e/install.ts';
import { CommandFailed, run } from '../e2e/process.ts';
import type { Catalogue, Entry } from './catalogue.ts';
import { WrongBytes } from './oracle.ts';
import { type Puller, TryFailed } from './puller.ts';
import type { Random } from './random.ts';
import type { Tasks } from './task.ts';

export type ClientDeps = {
  readonly tasks: Tasks;
  readonly catalogue: Catalogue;
  readonly random: Random;
  readonly signal: AbortSignal;
};

/** Milliseconds between two things that one client does: two cores are shared by all of the soak. */
const PAUSE_MS = [100, 600] as const;
const KIB = 1024;

/** One client that does one thing after the other until the signal, each until it is done. */
export async function runPuller(puller: Puller, deps: ClientDeps): Promise<void> {
  const { tasks, catalogue, random, signal } = deps;
  while (!signal.aborted) {
    const kind = random.weighted({ pull: 5, range: 3, parts: 1, head: 1, leave: 2 });
    if (kind === 'pull') {
      const entry = catalogue.pick(random);
      await tasks.run(kind, entry.repository, () => puller.pull(entry));
    } else {
      const { repository, blob } = catalogue.pickBlob(random, 64 * KIB);
      const size = blob.bytes.length;
      const range = (within: readonly [number, number]): readonly [number, number] => {
        const first = random.between(...within);
        return [first, random.between(first, Math.min(within[1], first + 512 * KIB))];
      };
      const middle = size >> 1;
      const two = [range([0, middle - 1024]), range([middle, size - 1])] as const;
      const wanted = range([0, size - 1]);
      // Every other one leaves about where the end of a blob is held back for its verdict.
      const after = random.between(random.pick([1, Math.max(1, size - 128 * KIB)]), size - 1);
      await tasks.run(kind, `${repository} ${blob.digest}`, () => {
        if (kind === 'range') return puller.range(repository, blob, wanted);
        if (kind === 'parts') return puller.parts(repository, blob, two);
        if (kind === 'head') return puller.head(repository, blob);
        return puller.leave(repository, blob, after);
      });
    }
    await sleep(random.between(...PAUSE_MS), undefined, { signal }).catch(() => undefined);
  }
}

/** Milliseconds between two pulls of a program: each is a process of its own. */
const PROGRAM_PAUSE_MS = 3000;
const PROGRAM_TIMEOUT_MS = 90_000;

/** crane and skopeo in turn, each run again by its user until it is done. */
export async function runPrograms(
  where: {
    readonly programs: Programs;
    readonly directory: string;
    readonly caFile: string;
    readonly login: string;
  },
  deps: ClientDeps,
): Promise<void> {
  const { tasks, catalogue, random, signal } = deps;
  for (let turn = 0; !signal.aborted; turn += 1) {
    const entry = catalogue.pick(random);
    const program = turn % 2 === 0 ? 'crane' : 'skopeo';
    await tasks.run(program, entry.repository, () => pullOnce(program, where, entry));
    await sleep(PROGRAM_PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function pullOnce(
  program: 'crane' | 'skopeo',
  where: Parameters<typeof runPrograms>[0],
  { repository, tag, image }: Entry,
): Promise<void> {
  const home = await mkdtemp(join(where.directory, `${program}-`));
  const layout = join(home, 'layout');
  const reference = `${where.login}/${repository}:${tag}`;
  const argv =
    program === 'crane'
      ? [where.programs.crane, 'pull', '--format=oci', reference, layout]
      : [
          where.programs.skopeo,
          'copy',
          '-q',
          '--all',
          '--preserve-digests',
          `docker://${reference}`,
          `oci:${layout}:${tag}`,
        ];
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    TMPDIR: home,
    XDG_RUNTIME_DIR: home,
    DOCKER_CONFIG: home,
    SSL_CERT_FILE: where.caFile,
  };
  try {
    await run(argv, { env, timeoutMs: PROGRAM_TIMEOUT_MS }).catch((error: unknown) => {
      if (!(error instanceof CommandFailed)) throw error;
      // The program's own verdict on what it got.
      if (/sha256 checksum|digest did not match/i.test(error.message)) throw new WrongBytes(error.message);
      throw new TryFailed(`${program}_failed`, error.message);
    });
    // What it says is whole has to be.
    await verifyBlobFolder(join(layout, 'blobs', 'sha256'), image).catch((error: unknown) => {
      throw new WrongBytes(String(error), { cause: error });
    });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
