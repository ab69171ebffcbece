import { parseDigest } from '../../src/oci/digest.ts';
import { parseRepositoryName } from '../../src/oci/repository-name.ts';
import type { Ticket } from '../../src/ticket/ticket.ts';

export function digestOf(text: string) {
  const parsed = parseDigest(text);
  if (parsed.kind !== 'ok') throw new TypeError(`not a digest: ${text}`);
  return parsed.digest;
}

export function repositoryOf(text: string) {
  const name = parseRepositoryName(text);
  if (name === undefined) throw new TypeError(`not a repository name: ${text}`);
  return name;
}

export const NOW_SECONDS = 1_790_000_000;

const HEX = 'a6814f044d0e9c4d8d2d6a9a7b2f4f0c5f7f6f9f3b2c1d0e9f8a7b6c5d4e3f20';

/** A SAS URL in the form that Azure Container Registry redirects to. */
export const SAS_URL =
  'https://weureplstore76.blob.core.windows.net/a5714abf4268cfe4-980761fcffd84acb990689b218f5b394-91787a7165' +
  `//docker/registry/v2/blobs/sha256/a6/${HEX}/data?se=2026-12-27T16%3A59%3A11Z` +
  '&sig=79rlFq0mT4Zk1c0uUoLw2dDq3vV5yYb8mS7h2n4p6rE%3D&sp=r&spr=https&sr=b&sv=2018-03-28' +
  '&regid=980761fcffd84acb990689b218f5b394';

export function sampleTicket(changes: Partial<Ticket> = {}): Ticket {
  return {
    registry: 'contoso',
    loginServer: 'contoso.registry.example',
    dataEndpoint: 'contoso.eastus.data.registry.example',
    region: 'eastus',
    repository: repositoryOf('team/app/backend'),
    digest: digestOf(`sha256:${HEX}`),
    size: 31_457_280,
    source: { kind: 'storage', url: SAS_URL, expiresAt: NOW_SECONDS + 1260 },
    bearer: undefined,
    expiresAt: NOW_SECONDS + 1200,
    ...changes,
  };
}
