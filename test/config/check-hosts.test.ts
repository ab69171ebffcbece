import t from 'tap';
import { configFile, problemLines } from '../support/config-file.ts';

t.test('a data endpoint at or below a login server or an alias is refused', async (t) => {
  const refused: readonly [Record<string, unknown>, RegExp][] = [
    [
      { dataEndpoint: '{region}.contoso.registry.example' },
      /data endpoint "eastus\.contoso\.registry\.example" is below the login server "contoso\.registry\.example"/,
    ],
    [
      { dataEndpoint: '{region}.data.images.example', aliases: ['images.example:8443'] },
      /is below the alias "images\.example:8443"/,
    ],
    [
      { dataEndpoint: 'contoso.registry.example:8443', regions: [{ name: 'eastus' }] },
      /has the host name of the login server/,
    ],
    [
      { dataEndpoint: '127.0.0.1:2', loginServer: '127.0.0.1:1', scheme: 'http', regions: [{ name: 'a' }] },
      /has the host name of the login server "127\.0\.0\.1:1".*take a name beside it/,
    ],
  ];
  for (const [registry, message] of refused) {
    const lines = problemLines(configFile(registry));
    t.match(lines[0], message);
    t.match(lines[0], /^f:1:\d+: registries\[0\]\.dataEndpoint: .*; take a name beside it, such as "/);
  }
  const below = problemLines(configFile({ dataEndpoint: 'x-{region}contoso.registry.example' }));
  t.same(below, [], 'a name that only ends alike is not below');
});

t.test('that holds over all registries', async (t) => {
  const file = configFile();
  const other = configFile({ name: 'other', loginServer: 'data.registry.example' }).registries[0];
  const lines = problemLines({ ...file, registries: [...file.registries, other] });
  t.match(lines, [
    /registries\[0\]\.dataEndpoint: .* is below the login server "data\.registry\.example" of registry other/,
    /registries\[0\]\.dataEndpoint: .* "contoso\.westus\.data\.registry\.example" is below/,
    /registries\[1\]\.dataEndpoint: .* "other\.eastus/,
    /registries\[1\]\.dataEndpoint: .* "other\.westus/,
  ]);
});

t.test('hosts and names are distinct', async (t) => {
  const file = configFile({ aliases: ['CONTOSO.registry.example:443'] });
  t.match(problemLines(file), [
    /registries\[0\]\.aliases\[0\]: alias "contoso\.registry\.example" is also the login server/,
  ]);
  const [registry] = configFile().registries;
  t.match(problemLines({ ...configFile(), registries: [registry, registry] }), [
    /registries\[1\]\.name: "contoso" is also the name of registries\[0\]/,
    /registries\[1\]\.loginServer: login server "contoso\.registry\.example" is also the login server/,
    /registries\[1\]\.dataEndpoint: data endpoint "contoso\.eastus.*" is also a data endpoint/,
    /registries\[1\]\.dataEndpoint: data endpoint "contoso\.westus/,
  ]);
  t.match(problemLines(configFile({ dataEndpoint: 'contoso.registry.example', regions: [{ name: 'a' }] })), [
    /data endpoint "contoso\.registry\.example" is also the login server/,
  ]);
});

t.test('the pattern of the data endpoints', async (t) => {
  t.match(problemLines(configFile({ dataEndpoint: '{registry}.data.registry.example' })), [
    /dataEndpoint: has no \{region\}, but there are 2 regions; put \{region\} into the pattern/,
  ]);
  t.match(problemLines(configFile({ dataEndpoint: '{name}.{region}.data.registry.example' })), [
    /"\{name\}" is not a known placeholder; only \{registry\} and \{region\}/,
  ]);
  t.match(
    problemLines(configFile({ dataEndpoint: 'https://{region}.example' }))[0],
    /is not a host; write host/,
  );
  t.match(
    problemLines(configFile({ loginServer: '*.registry.example' }))[0],
    /"\*\.registry\.example" is not a host/,
  );
});

t.test('http only where nobody listens in between', async (t) => {
  const lines = problemLines(configFile({ scheme: 'http', aliases: ['localhost:5000'] }));
  t.match(lines, [
    /loginServer: login server "contoso\.registry\.example" is not a loopback name.*; write scheme: https/,
    /dataEndpoint: data endpoint "contoso\.eastus/,
    /dataEndpoint: data endpoint "contoso\.westus/,
  ]);
  const loopback = {
    scheme: 'http',
    loginServer: 'login.localhost:5000',
    aliases: ['127.1.2.3:5000', '[::1]:5000', 'berth.test'],
    dataEndpoint: '{region}.localhost:5000',
  };
  t.same(problemLines(configFile(loopback)), []);
});

t.test('one wrong name is found among ten thousand registries', async (t) => {
  const [first] = configFile().registries;
  const many = Array.from({ length: 9_999 }, (_, at) => ({
    ...first,
    name: `r${at}`,
    loginServer: `r${at}.registry.example`,
    dataEndpoint: `r${at}-data.{region}.registry.example`,
  }));
  const wrong = {
    ...first,
    name: 'wrong',
    loginServer: 'wrong.example',
    dataEndpoint: '{region}.r17.registry.example',
  };
  const lines = problemLines({ ...configFile(), registries: [...many, wrong] });
  t.match(lines, [
    /registries\[9999\]\.dataEndpoint: .*"eastus\.r17\.registry\.example" is below the login server "r17\.registry\.example"/,
    /registries\[9999\]\.dataEndpoint: .*"westus\.r17/,
  ]);
});
