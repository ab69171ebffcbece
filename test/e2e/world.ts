import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestAuthority } from '../support/ca.ts';
import type { TestImage } from '../support/image.ts';
import type { ClientFiles, ClientSetup } from './clients/client.ts';
import type { Prepared } from './deploy/prepare.ts';
import type { Programs } from './install.ts';
import type { Network } from './network.ts';
import type { Observer } from './observe.ts';
import type { Daemon } from './process.ts';
import type { Report } from './report.ts';
import type { Resolver } from './resolver.ts';
import type { Storage } from './storage.ts';
import type { TokenService } from './token-service.ts';
import type { Http } from './upload-image.ts';

/** What the outer half hands to the inner one, as JSON. */
export type Settings = {
  readonly programs: Programs;
  readonly prepared: Prepared;
  readonly network: Network;
  readonly directory: string;
  readonly machinePid: number;
};

export type Images = {
  /** Several layers, two platforms; at `public/app:1`, `library/app:1` and as somebody's private image. */
  readonly app: TestImage;
  /** 300 MB, at `public/big:1`. */
  readonly big: TestImage;
  /** At `public/ranged:1` and `public/crowd:1`: nothing asks for them but the cases that they are for. */
  readonly ranged: TestImage;
  readonly crowd: TestImage;
  /** At `public/warm:1`, two platforms: what `berth warm` is the first to ask for. */
  readonly warm: TestImage;
  /** Private ones, at `alice/secret:1` and `bob/secret:1`. */
  readonly alice: TestImage;
  readonly bob: TestImage;
};

/** All that the scenarios share. */
export type World = Settings & {
  readonly report: Report;
  readonly authority: TestAuthority;
  readonly http: Http;
  readonly tokens: TokenService;
  readonly storage: Storage;
  /** The distribution registry. */
  readonly registry: Daemon;
  readonly resolver: Resolver;
  readonly images: Images;
  readonly observer: Observer;
};

/** Runs `action` with the set-up of one client case in a folder of its own, which is removed again. */
export async function withClientSetup(
  world: World,
  name: string,
  files: ClientFiles,
  action: (setup: ClientSetup) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(world.directory, `${name}-`));
  const { programs, machinePid, authority } = world;
  const namespace = world.network.clients;
  try {
    await action({ programs, namespace, machinePid, directory, caFile: authority.caFile, files });
  } finally {
    if (process.env['BERTH_E2E_KEEP'] === undefined) await rm(directory, { recursive: true, force: true });
  }
}
