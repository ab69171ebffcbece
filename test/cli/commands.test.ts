import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { runCli } from '../../src/cli/create-program.ts';
import { parseTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { testDeps } from '../support/cli-deps.ts';
import { configFile } from '../support/config-file.ts';

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const { deps, output } = testDeps({ env });
  const exitCode = await runCli(args, deps);
  return { exitCode, ...output };
}

function writeConfig(directory: string, registry: Record<string, unknown> = {}, top = {}): string {
  const path = join(directory, 'berth.yaml');
  writeFileSync(path, JSON.stringify(configFile(registry, { ticket: { keyFile: 'ticket.keys' }, ...top })));
  return path;
}

t.test('wrong usage is 2, help is 0', async (t) => {
  t.match(await run([]), { exitCode: 2, stderr: /Usage: berth/ });
  t.match(await run(['srve']), { exitCode: 2, stderr: /unknown command 'srve'/ });
  t.match(await run(['check', '--nope']), { exitCode: 2, stderr: /unknown option '--nope'/ });
  t.match(await run(['show-endpoints', '-o', 'xml']), { exitCode: 2, stderr: /json, yaml, table, tsv/ });
  t.match(await run(['client-config', 'rkt']), { exitCode: 2, stderr: /docker, containerd, podman/ });
  t.match(await run(['--help']), { exitCode: 0, stdout: /show-endpoints/, stderr: '' });
  t.match(await run(['--version']), { exitCode: 0, stdout: '0.0.0-test\n' });
});

t.test('check prints every problem, or that there is none', async (t) => {
  const good = writeConfig(t.testdir({}));
  t.same(await run(['check', good]), {
    exitCode: 0,
    stdout: `${good}: ok, 1 registry\n`,
    stderr: '',
    log: '',
  });
  const file = join(t.testdir({ 'bad.yaml': 'workers: 0\nlistners: []\n' }), 'bad.yaml');
  const result = await run(['check', file]);
  t.equal(result.exitCode, 1);
  t.equal(result.stderr, '');
  const lines = result.stdout.trimEnd().split('\n');
  t.equal(lines.length, 4);
  for (const line of lines) t.match(line, /^\/.*bad\.yaml:\d+:\d+: \w+: .+; .+$/);
});

t.test('check warns of plain HTTP over the public internet, and lets it pass', async (t) => {
  const config = writeConfig(t.testdir({}), { upstream: { url: 'http://registry.example' } });
  const warning =
    /^Warning: .*berth\.yaml:1:\d+: registries\[0\]\.upstream\.url: http:\/\/registry\.example is plain HTTP[^\n]*; write https:\/\/registry\.example[^\n]*\n$/;
  t.match(await run(['check', config]), { exitCode: 0, stdout: /: ok, 1 registry\n$/, stderr: warning });
  t.match(await run(['check', config, '-o', 'json']), { exitCode: 0, stdout: '[]\n', stderr: warning });
});

t.test('a file that can not be read', async (t) => {
  const directory = t.testdir({});
  const path = join(directory, 'none.yaml');
  const missing = {
    exitCode: 1,
    stderr: `berth: the configuration ${path} does not exist: check its name, owner and mode\n`,
  };
  t.match(await run(['check', path]), missing);
  t.match(await run(['check'], { BERTH_CONFIG: path }), missing, 'BERTH_CONFIG names the file');
  t.match(await run(['serve', '--config', directory]), { exitCode: 1, stderr: /can not be read \(EISDIR\)/ });
});

t.test('show-endpoints', async (t) => {
  const config = writeConfig(t.testdir({}));
  const endpoints = {
    loginServer: 'contoso.registry.example',
    dataEndpoints: [
      { region: 'eastus', endpoint: 'contoso.eastus.data.registry.example' },
      { region: 'westus', endpoint: 'contoso.westus.data.registry.example' },
    ],
  };
  const json = await run(['show-endpoints', '--config', config, '--name', 'contoso']);
  t.same(JSON.parse(json.stdout), endpoints);
  t.equal(json.stderr, '');
  t.same(await run(['show-endpoints', '--config', config, '-n', 'contoso']), json, 'as az acr has it');
  t.same(parse((await run(['show-endpoints', '--config', config, '-o', 'yaml'])).stdout), endpoints);
  t.match(await run(['show-endpoints', '--config', config, '-o', 'tsv']), {
    stdout: /^loginServer\t\tcontoso\.registry\.example\ndataEndpoint\teastus\t/,
  });
  t.match(await run(['show-endpoints', '--config', config, '--name', 'x']), {
    exitCode: 1,
    stderr: 'berth: there is no registry "x": there is contoso\n',
  });
});

t.test('show-endpoints with data endpoints off tells how to enable them', async (t) => {
  const config = writeConfig(t.testdir({}), { dataEndpointEnabled: false });
  t.match(await run(['show-endpoints', '--config', config, '-o', 'table']), {
    exitCode: 0,
    stdout: /dataEndpoint +eastus +\*\.blob\.core\.windows\.net/,
    stderr:
      'To configure client firewall w/o using wildcard storage blob urls, use "berth update --name contoso --data-endpoint-enabled" to enable dedicated data endpoints.\n',
  });
});

t.test('of several registries one must be named', async (t) => {
  const path = join(t.testdir({}), 'berth.yaml');
  const file = configFile();
  const [other] = configFile({ name: 'other', loginServer: 'other.registry.example' }).registries;
  writeFileSync(path, JSON.stringify({ ...file, registries: [...file.registries, other] }));
  t.match(await run(['show-endpoints', '--config', path]), {
    exitCode: 2,
    stderr: /choose one with --name \(contoso, other\)/,
  });
  t.match(await run(['show-endpoints', '--config', path, '--name', 'other']), {
    stdout: /other\.eastus\.data/,
  });
});

t.test('ticket-key generate, then rotate', async (t) => {
  const directory = t.testdir({});
  const config = writeConfig(directory);
  const path = join(directory, 'ticket.keys');
  t.match(await run(['ticket-key', 'rotate', '--config', config]), {
    exitCode: 1,
    stderr: /ticket\.keys does not exist: make it with "berth ticket-key generate"/,
  });
  t.match(await run(['ticket-key', 'generate', '--config', config]), {
    exitCode: 0,
    stdout: `made ${path}: keep it secret, and give every replica the same file\n`,
  });
  t.equal(statSync(path).mode & 0o777, 0o600);
  const before = parseTicketKeys(readFileSync(path, 'utf8'));
  t.match(await run(['ticket-key', 'generate', '--file', path]), {
    exitCode: 1,
    stderr: /exists and is left as it is/,
  });
  t.match(await run(['ticket-key', 'rotate', '--file', path]), { exitCode: 0, stdout: /seals, 3 keys open/ });
  const after = parseTicketKeys(readFileSync(path, 'utf8'));
  t.equal(after.seal.id, before.next?.id, 'the key published ahead seals');
  t.ok(after.open.has(before.seal.id), 'the old one still opens');
  t.match(await run(['ticket-key', 'rotate', '--file', path, '--keep', '99']), {
    exitCode: 2,
    stderr: /0 to 14/,
  });
  t.match(await run(['ticket-key', 'rotate', '--file', path, '--config', config]), { exitCode: 2 });
  const output = await run(['ticket-key', 'rotate', '--file', path]);
  const secret = /^\w+ (\S+)/m.exec(readFileSync(path, 'utf8'))?.[1] ?? '';
  t.ok(secret.length > 20);
  t.notOk(JSON.stringify(output).includes(secret), 'no key is printed');
});

t.test('client-config prints or writes files', async (t) => {
  const directory = t.testdir({
    'ca.pem': '-----BEGIN CERTIFICATE-----\nx',
    'key.pem': '-----BEGIN PRIVATE KEY-----',
  });
  const base = ['--config', writeConfig(directory)];
  const ca = ['--ca', join(directory, 'ca.pem')];
  t.match(await run(['client-config', 'containerd', ...base]), {
    exitCode: 0,
    stdout:
      /^# \/etc\/containerd\/certs\.d\/contoso\.registry\.example\/hosts\.toml\nserver = "https:\/\/contoso/,
    stderr: /config_path/,
  });
  const json = await run(['client-config', 'docker', ...base, ...ca, '-o', 'json']);
  t.same(JSON.parse(json.stdout), [
    {
      path: '/etc/docker/certs.d/contoso.registry.example/ca.crt',
      content: '-----BEGIN CERTIFICATE-----\nx\n',
    },
  ]);
  const table = await run(['client-config', 'buildkit', ...base, ...ca, '-o', 'tsv']);
  t.match(table.stdout, /^\/etc\/buildkit\/buildkitd\.toml\t\d+\n\/etc\/buildkit\/berth-contoso\.crt\t30\n$/);
  const root = join(directory, 'root');
  const written = join(root, 'etc/containers/registries.conf.d/50-berth-contoso.conf');
  const write = ['client-config', 'podman', ...base, '--root', root];
  t.match(await run(write), { exitCode: 0, stdout: `${written}\n` });
  t.match(readFileSync(written, 'utf8'), /prefix = "contoso\.azurecr\.io"/);
  t.match(await run(write), { exitCode: 0 }, 'the same content again is no conflict');
  writeFileSync(written, 'mine');
  t.match(await run(write), {
    exitCode: 1,
    stderr: /exists with other content and is left as it is: merge it by hand/,
  });
  t.equal(readFileSync(written, 'utf8'), 'mine');
  t.match(await run(['client-config', 'docker', ...base, '--ca', join(directory, 'none')]), {
    stderr: /can not be read/,
  });
  t.match(await run(['client-config', 'docker', ...base, '--ca', join(directory, 'berth.yaml')]), {
    exitCode: 1,
    stderr: /holds no PEM certificate/,
  });
  t.match(await run(['client-config', 'docker', ...base, '--ca', join(directory, 'key.pem')]), {
    stderr: /holds a private key/,
  });
  const off = ['--config', writeConfig(t.testdir({}), { dataEndpointEnabled: false })];
  t.match(await run(['client-config', 'crio', ...off]), {
    exitCode: 0,
    stderr: /data endpoints are off: clients fetch blobs from \*\.blob\.core\.windows\.net itself/,
  });
  mkdirSync(join(directory, 'blocked'));
  writeFileSync(join(directory, 'blocked', 'etc'), '');
  t.match(await run(['client-config', 'podman', ...base, '--root', join(directory, 'blocked')]), {
    exitCode: 1,
    stderr: /can not be (read|written) \(ENOTDIR\)/,
  });
});
