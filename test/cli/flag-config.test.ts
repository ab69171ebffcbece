import t from 'tap';
import { flagConfig, type ServeFlags } from '../../src/cli/flag-config.ts';

const FLAGS: ServeFlags = {
  upstream: 'https://contoso.azurecr.io',
  port: 5000,
  push: false,
  allowPrivate: [],
  preset: undefined,
  redirectHosts: [],
  tokenHosts: [],
  cacheDirectory: undefined,
};
const BOTH = ['127.0.0.1', '::1'];

t.test('one registry, inline, on loopback', async (t) => {
  const config = flagConfig(FLAGS, { BERTH_LOG_LEVEL: 'warn' }, BOTH);
  t.match(config, {
    listeners: [
      { address: '127.0.0.1', port: 5000, tls: null },
      { address: '::1', port: 5000 },
    ],
    metrics: null,
    ticket: { keyFile: null },
    log: { level: 'warn' },
  });
  const [registry] = config.registries;
  t.match(registry, {
    name: 'local',
    loginServer: 'localhost:5000',
    aliases: ['127.0.0.1:5000', '[::1]:5000'],
    scheme: 'http',
    delivery: 'inline',
    push: false,
    dataEndpoint: null,
    upstream: { url: 'https://contoso.azurecr.io', tokenHosts: [] },
  });
  t.same(
    registry?.redirectHosts.map(({ host }) => host),
    ['*.blob.core.windows.net', 'contoso.*.data.azurecr.io'],
    'those of the preset that fits',
  );
});

t.test('without IPv6 there is no ::1', async (t) => {
  const config = flagConfig(FLAGS, {}, ['127.0.0.1']);
  t.equal(config.listeners.length, 1);
  t.same(config.registries[0]?.aliases, ['127.0.0.1:5000']);
});

t.test('a host alone is https, and Docker Hub has its own hosts', async (t) => {
  t.equal(
    flagConfig({ ...FLAGS, upstream: 'ghcr.io' }, {}, BOTH).registries[0]?.upstream.url,
    'https://ghcr.io',
  );
  for (const upstream of ['docker.io', 'https://index.docker.io', 'registry-1.docker.io']) {
    t.match(flagConfig({ ...FLAGS, upstream }, {}, BOTH).registries[0]?.upstream, {
      url: 'https://registry-1.docker.io',
      tokenHosts: ['auth.docker.io'],
    });
  }
});

t.test('what can be no registry is refused at once', async (t) => {
  for (const upstream of [
    'notaurl',
    'team/app',
    'https:contoso.azurecr.io',
    'https:/contoso.azurecr.io',
    '',
  ]) {
    t.throws(
      () => flagConfig({ ...FLAGS, upstream }, {}, BOTH),
      {
        exitCode: 2,
        message:
          /^--upstream: .*is neither a URL nor a host name with a dot or a port; write it like https:\/\/contoso/,
      },
      upstream,
    );
  }
  t.throws(() => flagConfig({ ...FLAGS, upstream: 'a b.example' }, {}, BOTH), {
    message: /^--upstream: is not an http or https URL/,
  });
  t.throws(() => flagConfig({ ...FLAGS, upstream: 'ftp://contoso.azurecr.io' }, {}, BOTH), {
    message: /^--upstream: is not an http or https URL/,
  });
  for (const upstream of ['registry:5000', 'https://registry', 'contoso.azurecr.io', '[2620:fe::fe]:5000']) {
    t.match(flagConfig({ ...FLAGS, upstream }, {}, BOTH).registries, [{ name: 'local' }], upstream);
  }
});

t.test('flags are told by their names', async (t) => {
  const flags = {
    ...FLAGS,
    upstream: 'https://a.example/x',
    allowPrivate: ['x'],
    redirectHosts: ['*'],
    tokenHosts: ['http://y'],
  };
  t.throws(() => flagConfig(flags, {}, BOTH), {
    exitCode: 2,
    message:
      /^--upstream: has more than.*\n--token-host: "http:\/\/y" is not a host.*\n--allow-private: "x" is not a CIDR.*\n--redirect-host: "\*" permits/,
  });
  t.throws(() => flagConfig({ ...FLAGS, upstream: 'http://127.0.0.1:5001' }, {}, BOTH), {
    message:
      '--upstream: 127.0.0.1 is a private address that --allow-private does not cover; add "127.0.0.1/32", or its network, to --allow-private',
  });
  t.match(flagConfig({ ...FLAGS, upstream: 'http://127.0.0.1:1', allowPrivate: ['127.0.0.0/8'] }, {}, BOTH), {
    registries: [{ upstream: { allowedPrivateAddresses: ['127.0.0.0/8'] } }],
  });
});

t.test('a preset by name, or none', async (t) => {
  const upstream = 'https://registry.corp.example';
  t.same(flagConfig({ ...FLAGS, upstream }, {}, BOTH).registries[0]?.redirectHosts, []);
  const named = flagConfig({ ...FLAGS, upstream, preset: 'acr' }, {}, BOTH);
  t.match(named.registries[0]?.redirectHosts, [{ host: '*.blob.core.windows.net' }]);
  const mixed = flagConfig(
    { ...FLAGS, upstream: 'docker.io', redirectHosts: ['a.example'], tokenHosts: ['b.example'] },
    {},
    BOTH,
  );
  t.match(mixed.registries[0], {
    redirectHosts: [{ host: 'a.example' }],
    upstream: { tokenHosts: ['auth.docker.io', 'b.example'] },
  });
  t.throws(() => flagConfig({ ...FLAGS, upstream, preset: 'ecr' }, {}, BOTH), {
    message: /^--preset: ecr can not tell where registry\.corp\.example keeps/,
  });
});
