import type { ConsoleFacts } from '../../src/console/console-facts.ts';

const NEVER = { count: 0, lastSeen: null };
const DIGEST = `sha256:${'ab'.repeat(32)}`;

/** Something in every section. */
export const FACTS: ConsoleFacts = {
  now: Date.UTC(2026, 10, 24, 12),
  startedAt: Date.UTC(2026, 10, 24, 10),
  version: '1.2.3',
  failingChecks: [],
  connections: 7,
  registries: [
    {
      document: {
        name: 'contoso',
        loginServer: 'contoso.registry.example',
        dataEndpointEnabled: true,
        dataEndpointHostNames: ['contoso.eastus.data.registry.example'],
        dataEndpoints: [{ region: 'eastus', endpoint: 'contoso.eastus.data.registry.example' }],
        delivery: 'dedicated',
        rollout: { clients: [], percent: 100 },
        source: 'configuration',
        changedAt: null,
      },
      migration: {
        registry: 'contoso',
        dataEndpointEnabled: true,
        rollout: { clients: [], percent: 100 },
        since: '2026-11-24T10:00:00.000Z',
        total: { storage: NEVER, dataEndpoint: NEVER, arrived: NEVER },
        networks: [],
        droppedNetworks: 0,
        verdict: { wildcardRule: 'wait', text: 'ask again <later>' },
      },
    },
  ],
  regions: [
    { registry: 'contoso', region: 'westus', state: 'failing', why: 'connection refused', since: undefined },
  ],
  traffic: [
    {
      at: Date.UTC(2026, 10, 24, 11, 59),
      spanMs: 10_000,
      cache: 3 * 1024 ** 2,
      fill: 1024 ** 2,
      upstream: 0,
      fetched: 1024 ** 2,
      hits: 3,
      misses: 1,
    },
  ],
  work: [
    {
      kind: 'transfer',
      registry: 'contoso',
      digest: DIGEST,
      client: '192.0.2.0/24',
      length: 4096,
      since: Date.UTC(2026, 10, 24, 11, 58),
      movedBytes: 1024,
      idleMs: 0,
      waitsFor: 'client',
    },
    {
      kind: 'fill',
      registry: 'contoso',
      digest: DIGEST,
      length: undefined,
      since: Date.UTC(2026, 10, 24, 11, 58),
      movedBytes: 2048,
      idleMs: 90_000,
      waitsFor: 'upstream',
    },
  ],
  refusals: [
    {
      reason: 'ticket',
      detail: 'expired',
      registry: 'contoso',
      count: 4,
      lastSeen: Date.UTC(2026, 10, 24, 11),
    },
  ],
  certificates: [
    { names: ['contoso.registry.example'], notAfter: Date.UTC(2026, 10, 30) },
    { names: ['old.registry.example'], notAfter: Date.UTC(2026, 10, 1) },
  ],
  cache: { publishedBytes: 1024, partialBytes: 0, blobs: 1, maxBytes: 1024 ** 3, degraded: ['no_room'] },
};
