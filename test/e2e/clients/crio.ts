import type { Client } from './client.ts';
import { podman } from './podman.ts';

/**
 * CRI-O without CRI-O: it reads registries and authorities and pulls through the library that podman is made of
 * (containers/image); no package of it installs here. So podman reads the files that are written for it.
 */
export const crio: Client = { ...podman, name: 'as-crio', configuration: 'crio' };
