import t, { type Test } from 'tap';
import type { Config, RegistryConfig } from '../../src/config/config.ts';
import { startBerth, type TestBerth, testRegistry } from '../support/berth.ts';
import { createTestAuthority } from '../support/ca.ts';
import { type FixtureRegistry, startFixtureRegistry } from '../support/fixture-registry.ts';
import { MANIFEST_TYPE } from '../support/image.ts';

const REPOSITORY = 'team/app';
const OTHER = 'team/other';
const ALICE = 'Bearer alice';
const BOB = 'Bearer bob';

type Pair = {
  readonly berth: TestBerth;
  /** May the request's credentials have this repository? By registry. */
  readonly rights: Map<string, Set<string>>;
  readonly asked: () => number;
  readonly path: (repository: string) => string;
  /** Status of a manifest, by digest. */
  get(host: string, repository: string, authorization?: string, query?: string): Promise<number>;
};

/** Two registries with the same repositories and the same manifest in them, and rights of their own. */
async function openPair(t: Test, change: Partial<RegistryConfig> = {}): Promise<Pair> {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const content = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, layers: [] }));
  const rights = new Map<string, Set<string>>();
  let asked = 0;
  let digest = '';
  const open = async (name: string): Promise<FixtureRegistry> => {
    const registry = await startFixtureRegistry({ authority });
    t.teardown(() => registry.close());
    for (const repository of [REPOSITORY, OTHER]) {
      digest = registry.store.putManifest(repository, 'latest', MANIFEST_TYPE, content);
    }
    registry.intercept = ({ request, response }) => {
      asked += 1;
      const repository = /^\/v2\/(.*)\/manifests\//.exec(request.url ?? '')?.[1] ?? '';
      const who = request.headers.authorization ?? 'everybody';
      if (rights.get(name)?.has(`${who} ${repository}`) === true) return false;
      response.writeHead(403, { 'content-type': 'application/json' }).end('{"errors":[{"code":"DENIED"}]}');
      return true;
    };
    return registry;
  };
  const registries: RegistryConfig[] = [];
  for (const name of ['contoso', 'fabrikam']) {
    const { url } = await open(name);
    registries.push(
      testRegistry({
        name,
        loginServer: `${name}.registry.example`,
        delivery: 'inline',
        dataEndpoint: null,
        publicProbe: false,
        ...change,
        upstream: { url, caFile: authority.caFile },
      }),
    );
  }
  const berth = await startBerth({ authority, registries });
  t.teardown(() => berth.close());
  const path = (repository: string) => `/v2/${repository}/manifests/${digest}`;
  return {
    berth,
    rights,
    asked: () => asked,
    path,
    async get(host, repository, authorization, query = '') {
      const url = `https://${host}.registry.example${path(repository)}${query}`;
      const headers = { accept: MANIFEST_TYPE, ...(authorization !== undefined && { authorization }) };
      return (await berth.client.send(url, { headers })).status;
    },
  };
}

async function reload(berth: TestBerth, config: Config): Promise<void> {
  await berth.app.reload({
    config: () => Promise.resolve(config),
    ticketKeys: () => Promise.resolve(berth.ticketKeys),
  });
}

function changed(config: Config, change: Partial<RegistryConfig>): Config {
  return { ...config, registries: config.registries.map((registry) => ({ ...registry, ...change })) };
}

t.test('C1 what is known of one caller, repository or registry says nothing about another', async (t) => {
  const pair = await openPair(t);
  pair.rights.set('contoso', new Set([`${ALICE} ${REPOSITORY}`]));
  pair.rights.set('fabrikam', new Set([`${BOB} ${REPOSITORY}`]));
  const all = async () => {
    for (const [host, mine] of [
      ['contoso', ALICE],
      ['fabrikam', BOB],
    ] as const) {
      for (const who of [ALICE, BOB, undefined, 'bearer alice', 'Bearer alice bob', 'Basic YWxpY2U6']) {
        t.equal(await pair.get(host, REPOSITORY, who), who === mine ? 200 : 403, `${host} ${who}`);
        t.equal(await pair.get(host, OTHER, who), 403, `${host} ${who}, another repository`);
      }
      t.equal(await pair.get(host, REPOSITORY, mine, '?ns=elsewhere.example'), 404);
      t.equal(await pair.get(host, REPOSITORY, mine, '?%6es=elsewhere.example'), 404);
    }
  };
  await all();
  const before = pair.asked();
  await all();
  t.equal(pair.asked(), before, 'all of it is remembered');
});

t.test('C7 P6 a right that was taken away ends with the decision, and with a write', async (t) => {
  const pair = await openPair(t);
  pair.rights.set('contoso', new Set([`${ALICE} ${REPOSITORY}`]));
  for (const round of [1, 2, 3]) t.equal(await pair.get('contoso', REPOSITORY, ALICE), 200, `${round}`);
  t.equal(pair.asked(), 1);
  pair.rights.delete('contoso');
  t.equal(await pair.get('contoso', REPOSITORY, ALICE), 200, 'as it was decided');
  await pair.berth.client.send(`https://contoso.registry.example${pair.path(REPOSITORY)}`, {
    method: 'DELETE',
    headers: { authorization: BOB },
  });
  t.equal(await pair.get('contoso', REPOSITORY, ALICE), 403);
});

t.test(
  'G5 N1 W8 a reload that closes a repository, a network or an upstream holds from the next request on',
  async (t) => {
    const pair = await openPair(t);
    pair.rights.set('contoso', new Set([`${ALICE} ${REPOSITORY}`]));
    const { config } = pair.berth;
    const isKnown = async () => {
      await reload(pair.berth, config);
      for (const round of [1, 2]) t.equal(await pair.get('contoso', REPOSITORY, ALICE), 200, `${round}`);
    };
    await isKnown();
    await reload(
      pair.berth,
      changed(config, { rules: { repositories: [{ action: 'deny', pattern: REPOSITORY }] } }),
    );
    t.equal(await pair.get('contoso', REPOSITORY, ALICE), 403);
    await isKnown();
    await reload(pair.berth, changed(config, { networkRules: { defaultAction: 'deny', ipRules: [] } }));
    t.equal(await pair.get('contoso', REPOSITORY, ALICE), 403);
    await isKnown();
    const [contoso, fabrikam] = config.registries;
    if (contoso === undefined || fabrikam === undefined) throw new Error('there are two');
    await reload(pair.berth, {
      ...config,
      registries: [{ ...contoso, upstream: fabrikam.upstream }, fabrikam],
    });
    t.equal(await pair.get('contoso', REPOSITORY, ALICE), 403, 'the other upstream was asked');
  },
);
