import t from 'tap';
import { createRenewSource, type RenewalCredentials, type RenewalDeps } from '../../src/blob/renew-source.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { parseDigest } from '../../src/oci/digest.ts';
import { parseRepositoryName } from '../../src/oci/repository-name.ts';
import { createCollapse } from '../../src/upstream/collapse.ts';
import { UpstreamFailure } from '../../src/upstream/failure.ts';
import type { BlobLocation, BlobQuestion } from '../../src/upstream/upstream-registry.ts';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const repository = parseRepositoryName('team/app');
if (digest.kind !== 'ok' || repository === undefined) throw new Error('no blob');
const blob = { repository, digest: digest.digest, client: '192.0.2.1', region: undefined };
const { signal } = new AbortController();
const STORAGE: BlobLocation = {
  kind: 'storage',
  url: 'https://storage.example/blob?sig=x',
  host: 'storage.example',
  expiresAt: 42,
  size: undefined,
};
const refused = (status: number, headers = {}): BlobLocation => ({
  kind: 'status',
  status,
  headers,
  body: Buffer.alloc(0),
});

function open(locate: (question: BlobQuestion) => Promise<BlobLocation>) {
  const asked: BlobQuestion[] = [];
  const metrics = createMetrics();
  const deps: RenewalDeps = {
    metrics,
    renewals: createCollapse<BlobLocation>(),
    upstream: {
      async locateBlob(question) {
        asked.push(question);
        return locate(question);
      },
      anonymousAuthorization: async () => 'Bearer anonymous',
      ownAuthorization: async () => 'Bearer own',
    },
  };
  const renew = (credentials: RenewalCredentials, region?: string) =>
    createRenewSource({ ...blob, region }, credentials, deps)(signal);
  return { asked, metrics, renew };
}

const ANA: RenewalCredentials = { kind: 'caller', authorization: 'Bearer ana' };

t.test('equal questions at once are one, those with other credentials are not', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { asked, metrics, renew } = open(async () => {
    await gate.promise;
    return STORAGE;
  });
  const kinds: RenewalCredentials[] = [
    ANA,
    ANA,
    ANA,
    { kind: 'own' },
    { kind: 'own' },
    { kind: 'anonymous' },
  ];
  const all = kinds.map((credentials) => renew(credentials));
  gate.resolve();
  for (const renewed of await Promise.all(all)) {
    t.strictSame(renewed, {
      ref: { kind: 'storage', url: STORAGE.url, expiresAt: 42 },
      authorization: undefined,
    });
  }
  t.strictSame(
    asked.map(({ authorization }) => authorization ?? '').toSorted((a, b) => a.localeCompare(b)),
    ['', 'Bearer ana', 'Bearer anonymous'],
  );
  t.match(await metrics.text(), 'berth_source_renewals_total{result="ok"} 6');
});

t.test('a registry that serves itself gets the credentials, whosever they are', async (t) => {
  const { renew } = open(async () => ({ kind: 'registry', url: 'https://r.example/v2/', size: 1 }));
  t.equal((await renew(ANA))?.authorization, 'Bearer ana');
  t.equal((await renew({ kind: 'own' }))?.authorization, 'Bearer own');
  t.equal((await renew({ kind: 'anonymous' }))?.authorization, 'Bearer anonymous');
});

t.test(
  'what the upstream refuses ends it; what not everybody may have says nothing of the caller',
  async (t) => {
    for (const status of [401, 403, 404]) {
      const { metrics, renew } = open(async () => refused(status));
      t.match(await renew(ANA).catch((error: unknown) => error), { status, where: 'registry' });
      t.equal(await renew({ kind: 'anonymous' }), undefined);
      const text = await metrics.text();
      t.match(text, 'berth_source_renewals_total{result="refused"} 1');
      t.match(text, 'berth_source_renewals_total{result="no_credentials"} 1');
    }
    const busy = open(async () => refused(429, { 'retry-after': '7' }));
    t.match(await busy.renew(ANA).catch((error: unknown) => error), { status: 429, retryAfterSeconds: 7 });
    const down = open(async () => {
      throw new UpstreamFailure('connection_refused', 'registry', 'down');
    });
    t.match(await down.renew({ kind: 'anonymous' }).catch((error: unknown) => error), {
      kind: 'connection_refused',
    });
    t.match(await down.metrics.text(), 'berth_source_renewals_total{result="failed"} 1');
  },
);

t.test('X1 each client is asked for at its own region first', async (t) => {
  const { asked, renew } = open(async () => STORAGE);
  await Promise.all([renew(ANA, 'eastus'), renew(ANA, 'westeurope'), renew(ANA)]);
  t.strictSame(
    asked.map(({ region }) => region),
    ['eastus', 'westeurope', undefined],
  );
});
