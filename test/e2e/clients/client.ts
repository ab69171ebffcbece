import type { TestImage } from '../../support/image.ts';
import type { Programs } from '../install.ts';

/** Where a client finds an image, and what it must have got in the end. */
export type PullTarget = {
  /** Host as it stands in the reference that the user types. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
  readonly image: TestImage;
  readonly credentials?: readonly [user: string, password: string];
};

/** Files below `/etc` for one client, by path relative to `/etc`. */
export type ClientFiles = ReadonlyMap<string, string>;

export type ClientSetup = {
  readonly programs: Programs;
  /** Network namespace of the clients. */
  readonly namespace: string;
  readonly machinePid: number;
  /** An empty folder of this case alone. */
  readonly directory: string;
  readonly caFile: string;
  readonly files: ClientFiles;
};

export type Client = {
  readonly name: string;
  /** Which of `berth client-config`'s forms it reads. */
  readonly configuration: 'docker' | 'containerd' | 'podman' | 'buildkit' | 'crio' | 'none';
  /** Pulls the image and verifies every byte of it; throws otherwise. */
  pull(setup: ClientSetup, target: PullTarget): Promise<void>;
};

/** The manifest that a client picks for the machine it is on. */
export function nativeManifest(image: TestImage): TestImage['manifests'][number] {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const manifest = image.manifests.find((candidate) => candidate.architecture === architecture);
  if (manifest === undefined) throw new Error(`the test image has no platform for ${architecture}`);
  return manifest;
}
