import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import type { Bench, SectionResult, SectionRun } from '../bench.ts';
import { type Berth, startBerth } from '../berth.ts';
import { startDistribution } from '../cold/distribution.ts';
import { type Origin, startOrigin } from '../origin.ts';
import { cpuSeconds } from '../process-figures.ts';
import type { ServerProcess } from '../server-process.ts';
import { settleCpu } from '../settle-cpu.ts';
import { type Column, tabulate } from '../tabulate.ts';
import { REPOSITORY } from '../workspace.ts';
import { type Dockerd, startDockerd } from './dockerd.ts';
import { addPullImage, LAYER_MEBIBYTES, LAYERS, type PullImage, TAG } from './pull-image.ts';

const DIRECT = 'direct';
const CASES = ['cold', 'warm'] as const;

type PullFigures = {
  seconds: number;
  /** Undefined: there is no proxy. */
  cpuSeconds: number | undefined;
};

const COLUMNS: readonly Column<PullFigures>[] = [
  {
    head: 'seconds',
    metric: 'time',
    unit: 's',
    better: 'less',
    value: ({ seconds }) => seconds,
    ratio: { head: '× direct', to: { row: DIRECT } },
  },
  {
    head: "the proxy's CPU s",
    metric: 'CPU',
    unit: 's',
    better: 'less',
    value: (round) => round.cpuSeconds,
    ratio: { head: '× best peer', to: 'best peer' },
  },
];

/** What `docker pull` takes, from the command's start to its end. */
export const DOCKER_PULL: SectionRun = {
  name: 'docker-pull',
  title: 'docker pull of 20 layers',
  async run(bench) {
    const { workspace } = bench;
    const image = addPullImage(workspace);
    const origin = await startOrigin(workspace, { manifests: image.manifests });
    try {
      const dockerd = await startDockerd(join(workspace.directory, workspace.uniqueName('dockerd')));
      try {
        return await measureAll(bench, origin, image, dockerd);
      } finally {
        await dockerd.end();
      }
    } finally {
      await origin.stop();
      for (const { file } of image.blobs) rmSync(file);
    }
  },
};

async function measureAll(
  bench: Bench,
  origin: Origin,
  image: PullImage,
  dockerd: Dockerd,
): Promise<SectionResult> {
  const { options, say } = bench;
  const rows = CASES.flatMap((each) =>
    SUBJECTS.map(({ name, peer }) => ({ name, peer, case: each, rounds: new Array<PullFigures>() })),
  );
  // The daemon itself is warm by then.
  await pull(dockerd, `127.0.0.1:${origin.registryPort}`, image, undefined);
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const { name, open } of SUBJECTS) {
      const { registry, server, close } = await open(bench, origin);
      try {
        for (const each of CASES) {
          const figures = await pull(dockerd, registry, image, server?.pid);
          rows.find((row) => row.name === name && row.case === each)?.rounds.push(figures);
          say(`round ${round}: ${name}, ${each}: ${figures.seconds.toFixed(2)} s`);
        }
      } finally {
        await close();
      }
    }
  }
  const { markdown, figures } = tabulate(rows, COLUMNS);
  return {
    figures,
    markdown: `A real dockerd with a data root of its own in tmpfs pulls ${LAYERS} layers of ${LAYER_MEBIBYTES} MiB by tag, three at a time as it does by default, and unpacks them; the image is removed
before each. *Cold*: the proxy was started for it and has nothing; *warm*: it is the same proxy, once more. ${options.rounds} rounds. The seconds are the client's and hold its unpacking.
What a proxy still does afterwards is in its CPU. *Direct* is the registry with its redirects to the storage; *dedicated* has redirects, too, to Berth's data endpoint.

${markdown}`,
  };
}

/** The image is gone again afterwards. */
async function pull(
  { docker }: Dockerd,
  registry: string,
  { id }: PullImage,
  pid: number | undefined,
): Promise<PullFigures> {
  const reference = `${registry}/${REPOSITORY}:${TAG}`;
  const [before, start] = [pid === undefined ? 0 : cpuSeconds(pid), performance.now()];
  await docker(['pull', '-q', reference]);
  const seconds = (performance.now() - start) / 1_000;
  if (pid !== undefined) await settleCpu(pid);
  const spent = pid === undefined ? undefined : cpuSeconds(pid) - before;
  const { stdout } = await docker(['image', 'inspect', '--format', '{{.Id}}', reference]);
  if (stdout.trim() !== id) throw new Error(`${reference} is ${stdout.trim()}, not ${id}`);
  await docker(['image', 'rm', reference]);
  return { seconds, cpuSeconds: spent };
}

type OpenRegistry = {
  /** Host and port, as they stand in a reference. */
  registry: string;
  server: ServerProcess | undefined;
  close: () => Promise<void>;
};

type Subject = {
  name: string;
  peer: boolean;
  open: (bench: Bench, origin: Origin) => Promise<OpenRegistry>;
};

const SUBJECTS: readonly Subject[] = [
  {
    name: DIRECT,
    peer: false,
    open: async (_bench, { registryPort }) => ({
      registry: `127.0.0.1:${registryPort}`,
      server: undefined,
      close: async () => {},
    }),
  },
  berth('Berth, inline', ({ inline }) => inline),
  berth('Berth, dedicated', ({ dedicated }) => dedicated),
  distribution('distribution, pull-through', ({ distributionProgram }) => distributionProgram),
  distribution('docker-registry (Debian), pull-through', () => 'docker-registry'),
];

function berth(name: string, base: (berth: Berth) => string): Subject {
  return {
    name,
    peer: false,
    async open({ workspace }, origin) {
      const cacheDirectory = join(workspace.directory, workspace.uniqueName('berth-cache'));
      mkdirSync(cacheDirectory);
      const server = await startBerth(workspace, origin, { cacheDirectory });
      return opened(new URL(base(server)).host, server, cacheDirectory);
    },
  };
}

function distribution(name: string, program: (bench: Bench) => string): Subject {
  return {
    name,
    peer: true,
    async open(bench, origin) {
      const server = await startDistribution(bench.workspace, program(bench), origin);
      return opened(`127.0.0.1:${server.port}`, server, server.directory);
    },
  };
}

function opened(registry: string, server: ServerProcess, directory: string): OpenRegistry {
  return {
    registry,
    server,
    close: async () => {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
