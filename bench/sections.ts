import type { SectionRun } from './bench.ts';
import { COLD_CLIENT, COLD_CLIENTS, HERD } from './cold/cold-clients.ts';
import { COLD_FILL } from './cold/cold-fill.ts';
import { FIRST_BYTE } from './cold/first-byte.ts';
import { HELD_UPSTREAM } from './cold/held-upstream.ts';
import { OPEN_RANGES } from './cold/open-ranges.ts';
import { GROWTH_BLOBS } from './growth/growth-blobs.ts';
import { GROWTH_CONNECTIONS } from './growth/growth-connections.ts';
import { GROWTH_REGISTRIES } from './growth/growth-registries.ts';
import { INSTRUCTIONS } from './instructions/instructions-section.ts';
import { NETWORK_RULES } from './network-rules-section.ts';
import { DOCKER_PULL } from './pull/pull-section.ts';
import { MANIFEST } from './requests/manifest.ts';
import { MICRO } from './requests/micro.ts';
import { REDIRECT } from './requests/redirect.ts';
import { TOKEN } from './requests/token.ts';
import { SIDECAR } from './sidecar/sidecar-section.ts';
import { SLOW_CLIENTS } from './slow-clients-section.ts';
import { START } from './start/start-section.ts';
import { STREAMING, STREAMING_TLS } from './streaming-section.ts';
import { SLOW_READERS } from './warm/slow-readers.ts';
import { WARM } from './warm/warm-section.ts';
import { WORKERS } from './workers/workers-section.ts';

/** In the order of the document. */
export const SECTIONS: readonly SectionRun[] = [
  COLD_CLIENT,
  COLD_CLIENTS,
  HERD,
  COLD_FILL,
  HELD_UPSTREAM,
  FIRST_BYTE,
  OPEN_RANGES,
  WARM,
  SLOW_READERS,
  DOCKER_PULL,
  START,
  SIDECAR,
  STREAMING,
  STREAMING_TLS,
  SLOW_CLIENTS,
  MANIFEST,
  TOKEN,
  REDIRECT,
  MICRO,
  INSTRUCTIONS,
  WORKERS,
  GROWTH_REGISTRIES,
  GROWTH_BLOBS,
  GROWTH_CONNECTIONS,
  NETWORK_RULES,
];

/** The sections of these names, in the order of the document; all where there are none. */
export function chooseSections(names: readonly string[]): readonly SectionRun[] {
  const unknown = names.filter((name) => !SECTIONS.some((section) => section.name === name));
  if (unknown.length > 0) {
    const known = SECTIONS.map(({ name }) => name).join(', ');
    throw new Error(`no section is named ${unknown.join(', ')}; there are ${known}`);
  }
  return names.length === 0 ? SECTIONS : SECTIONS.filter(({ name }) => names.includes(name));
}
