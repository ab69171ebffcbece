import t from 'tap';
import { applyPresets } from '../../src/config/apply-presets.ts';
import { configFile, loaded, problemLines } from '../support/config-file.ts';

const HUB = { url: 'https://registry-1.docker.io' };

function hub(registry: Record<string, unknown> = {}) {
  const file = configFile({ preset: 'dockerhub', upstream: HUB, ...registry });
  const registries = file.registries.map(({ redirectHosts, ...rest }) =>
    'redirectHosts' in registry ? { redirectHosts, ...rest } : rest,
  );
  return { ...file, registries };
}

t.test('a preset fills in what is left out', async (t) => {
  const [registry] = loaded(hub()).registries;
  t.match(registry, {
    delivery: 'dedicated',
    upstream: { url: 'https://registry-1.docker.io', tokenHosts: ['auth.docker.io'] },
    namespaces: ['docker.io'],
    publicProbe: true,
  });
  t.equal(registry?.redirectHosts[0]?.host, 'production.cloudflare.docker.com');
  const [ecr] = loaded(
    hub({ preset: 'ecr', upstream: { url: 'https://123456789012.dkr.ecr.eu-west-1.amazonaws.com' } }),
  ).registries;
  t.match(ecr, { publicProbe: false, upstream: { tokenHosts: [] } });
  t.equal(ecr?.redirectHosts[0]?.host, 'prod-eu-west-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com');
});

t.test('what is there wins, lists as a whole, empty ones too', async (t) => {
  const [registry] = loaded(
    hub({
      redirectHosts: ['mirror.example'],
      namespaces: [],
      publicProbe: false,
      upstream: { ...HUB, tokenHosts: ['token.example'] },
    }),
  ).registries;
  t.same(registry?.redirectHosts, [{ host: 'mirror.example', pathPattern: null }]);
  t.same(registry?.namespaces, []);
  t.equal(registry?.publicProbe, false);
  t.same(registry?.upstream.tokenHosts, ['token.example']);
  const [closed] = loaded(hub({ delivery: 'inline', redirectHosts: [] })).registries;
  t.same(closed?.redirectHosts, []);
});

t.test('a preset that is not what the upstream is', async (t) => {
  t.match(problemLines(hub({ preset: 'quay' })), [
    /registries\[0\]\.preset: quay is not what registry-1\.docker\.io is; write preset: dockerhub$/,
  ]);
  t.match(problemLines(hub({ preset: 'dockrhub' })), [
    /redirectHosts: is empty/,
    /preset: "dockrhub" is none of .*did you mean dockerhub/,
  ]);
  const unknown = { preset: 'ecr', delivery: 'inline', upstream: { url: 'https://mirror.example' } };
  t.match(problemLines(hub(unknown)), [
    /preset: ecr can not tell where mirror\.example keeps its blobs; write the upstream by its own name/,
  ]);
  t.same(problemLines(hub({ ...unknown, redirectHosts: ['storage.example'] })), []);
});

t.test('other problems are found as without a preset', async (t) => {
  t.match(problemLines(hub({ redirectHosts: 'x' })), [/redirectHosts: must be a list/]);
  const ofNumber = problemLines(hub({ upstream: { url: 7 } }));
  t.equal(ofNumber.length, 1, 'and not that redirectHosts is empty, which the preset fills in');
  t.match(ofNumber, [/upstream\.url: must be a text/]);
  const ofText = problemLines(hub({ upstream: { url: 'x' } }));
  t.equal(ofText.length, 1);
  t.match(ofText, [/upstream\.url: is not an http/]);
  const emptied = problemLines(hub({ redirectHosts: [] }));
  t.match(emptied, [/redirectHosts: is empty/], 'an empty list replaces that of the preset');
});

t.test('what is no configuration stays as it is', async (t) => {
  for (const value of [null, 'x', [], {}, { registries: 7 }, { registries: [null, 'x', {}] }]) {
    t.same(applyPresets(value), value);
  }
});
