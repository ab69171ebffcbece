import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runCli } from '../../src/cli/create-program.ts';
import { DNS_SERVERS, resolveSample } from '../endpoints/firewall/sample-egress.ts';
import { testDeps } from '../support/cli-deps.ts';
import { configFile } from '../support/config-file.ts';

async function run(args: readonly string[], dnsServers: readonly string[] = DNS_SERVERS) {
  const { deps, output } = testDeps({ resolveHost: resolveSample, dnsServers: () => dnsServers });
  const exitCode = await runCli(['firewall-rules', ...args], deps);
  return { exitCode, ...output };
}

function golden(name: string): string {
  return readFileSync(join(import.meta.dirname, '../endpoints/firewall/golden', name), 'utf8');
}

function writeConfig(directory: string, ...registries: Record<string, unknown>[]): string {
  const path = join(directory, 'berth.yaml');
  const all = registries.flatMap((registry) => configFile(registry).registries);
  writeFileSync(path, JSON.stringify({ ...configFile(), registries: all }));
  return path;
}

t.test('prints the rules on standard output, and nothing else where all is well', async (t) => {
  const config = ['--config', writeConfig(t.testdir({}), {})];
  for (const [format, file] of [
    ['plain', 'plain-dedicated.txt'],
    ['iptables', 'iptables-dedicated.rules'],
    ['nftables', 'nftables-dedicated.nft'],
    ['squid', 'squid-dedicated.conf'],
    ['cilium', 'cilium-dedicated.yaml'],
  ] as const) {
    t.same(
      await run([...config, '--name', 'contoso', '--format', format]),
      { exitCode: 0, stdout: golden(file), stderr: '', log: '' },
      format,
    );
  }
  t.match(await run(config), { stdout: golden('plain-dedicated.txt') }, 'plain is the default');
  t.match(await run([...config, '--format', 'iptables', '--gateway']), {
    stdout: golden('iptables-gateway.rules'),
  });
  t.match(await run([...config, '--format', 'azure-firewall']), {
    stdout: golden('azure-firewall-dedicated.json.txt'),
    stderr: /^No longer needed by clients.*\*\.blob\.core\.windows\.net\.\n$/,
  });
});

t.test('data endpoints off: the wildcard, and a warning', async (t) => {
  const config = writeConfig(t.testdir({}), { dataEndpointEnabled: false });
  t.match(await run(['--config', config, '--format', 'nftables']), {
    exitCode: 0,
    stdout: golden('nftables-passthrough.nft'),
    stderr: /^Warning: data endpoints are off.*\nWarning: nftables knows no names.*\n$/,
  });
});

t.test('DNS servers: those of the machine, or those that are named', async (t) => {
  const config = ['--config', writeConfig(t.testdir({}), {}), '--format', 'iptables'];
  const named = await run([...config, '--dns', '198.51.100.1,2001:db8::1', '--dns', '198.51.100.2']);
  t.equal(named.stderr, '');
  t.same(
    [...named.stdout.matchAll(/-d (\S+) --dport 53/g)].map(([, address]) => address),
    [
      '198.51.100.1/32',
      '198.51.100.1/32',
      '2001:db8::1/128',
      '2001:db8::1/128',
      '198.51.100.2/32',
      '198.51.100.2/32',
    ],
  );
  const own = await run(config, ['192.0.2.1:5353', 'fe80::1%eth0']);
  t.notMatch(own.stdout, '--dport 53', 'only what a rule can name');
  t.match(own.stderr, /no DNS server is known/);
  t.match(await run([...config, '--dns', 'dns.example']), {
    exitCode: 2,
    stderr: /"dns\.example" is not an IP address/,
  });
});

t.test('several registries in one set of rules', async (t) => {
  const other = { name: 'other', loginServer: 'other.registry.example', delivery: 'inline' };
  const config = ['--config', writeConfig(t.testdir({}), {}, other)];
  t.match(await run(config), { exitCode: 2, stderr: /choose one with --name/ });
  t.match(await run([...config, '--name', 'contoso', '--name', 'other']), {
    stdout: /\ncontoso\.registry\.example:443\n(.*\n)*other\.registry\.example:443\n$/,
  });
  t.match(await run([...config, '--name', 'nope']), { exitCode: 1, stderr: /there is no registry "nope"/ });
});

t.test('what can not be printed', async (t) => {
  const config = ['--config', writeConfig(t.testdir({}), { loginServer: 'unknown.registry.example' })];
  t.match(await run([...config, '--format', 'iptables']), {
    exitCode: 1,
    stdout: '',
    stderr: /^berth: unknown\.registry\.example \(ENOTFOUND\) does not resolve here/,
  });
  t.match(await run([...config, '--format', 'squid', '--gateway']), {
    exitCode: 2,
    stderr: /--dns and --gateway only work with --format iptables or nftables/,
  });
  t.match(await run([...config, '--format', 'pf']), { exitCode: 2, stderr: /plain, iptables, nftables/ });
});
