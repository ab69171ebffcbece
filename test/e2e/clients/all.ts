import type { Client } from './client.ts';
import { containerd } from './containerd.ts';
import { crane } from './crane.ts';
import { dockerd } from './dockerd.ts';
import { podman } from './podman.ts';
import { skopeo } from './skopeo.ts';

/** Every client of the run. */
export const CLIENTS: readonly Client[] = [dockerd, containerd, skopeo, podman, crane];
