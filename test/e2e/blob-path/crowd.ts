import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Berth } from '../berth.ts';
import { berthFiles } from '../client-config.ts';
import type { ClientSetup, PullTarget } from '../clients/client.ts';
import { type Dockerd, startDockerd, verifyDockerImage } from '../clients/dockerd.ts';
import { skopeo } from '../clients/skopeo.ts';
import type { World } from '../world.ts';

const DOCKER_DAEMONS = 5;
const SKOPEOS = 5;

export type Crowd = {
  readonly size: number;
  /** All begin at the same moment; throws unless each has every byte in the end. */
  pullAll(target: PullTarget): Promise<void>;
  end(): Promise<void>;
};

/** Starts the daemons, so that nothing but the pull is left to do. */
export async function openCrowd(
  world: World,
  berth: Berth,
  name: string,
  sizes = { daemons: DOCKER_DAEMONS, skopeos: SKOPEOS },
): Promise<Crowd> {
  const { programs, machinePid, authority, network } = world;
  const directory = await mkdtemp(join(world.directory, 'crowd-'));
  const files = {
    docker: await berthFiles(berth, 'docker', name, authority.caFile),
    podman: await berthFiles(berth, 'podman', name, authority.caFile),
  };
  const setUp = async (configuration: keyof typeof files): Promise<ClientSetup> => ({
    programs,
    machinePid,
    namespace: network.clients,
    caFile: authority.caFile,
    directory: await mkdtemp(join(directory, `${configuration}-`)),
    files: files[configuration],
  });
  const daemons: Dockerd[] = [];
  const end = async () => {
    await Promise.all(daemons.map((daemon) => daemon.end()));
    if (process.env['BERTH_E2E_KEEP'] === undefined) await rm(directory, { recursive: true, force: true });
  };
  const pullByDocker = async (daemon: Dockerd, target: PullTarget) => {
    const reference = `${target.registry}/${target.repository}:${target.tag}`;
    await daemon.docker(['pull', '-q', reference]);
    await verifyDockerImage(daemon, reference, target.image);
  };
  const skopeos: ClientSetup[] = [];
  try {
    // One after the other: two cores start five at once no faster.
    for (let started = 0; started < sizes.daemons; started += 1) {
      daemons.push(await startDockerd(await setUp('docker')));
    }
    for (let made = 0; made < sizes.skopeos; made += 1) skopeos.push(await setUp('podman'));
  } catch (error) {
    await end();
    throw error;
  }
  return {
    size: sizes.daemons + sizes.skopeos,
    async pullAll(target) {
      const pulls = [
        ...daemons.map((daemon) => pullByDocker(daemon, target)),
        ...skopeos.map((setup) => skopeo.pull(setup, target)),
      ];
      // None may still run when the folders go.
      const failed = (await Promise.allSettled(pulls)).filter((pull) => pull.status === 'rejected');
      if (failed.length > 0)
        throw new AggregateError(failed, `${failed.length} pulls: ${String(failed[0]?.reason)}`);
    },
    end,
  };
}
