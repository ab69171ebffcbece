import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { createControl } from '../../src/admin/control.ts';
import { runCli } from '../../src/cli/create-program.ts';
import { createMigration, type Migration } from '../../src/endpoints/migration.ts';
import { openSettings } from '../../src/endpoints/settings.ts';
import { shortDirectory } from '../flow/switchable.ts';
import { testDeps } from '../support/cli-deps.ts';
import { configFile, loadText } from '../support/config-file.ts';

type Place = {
  readonly directory: string;
  readonly run: (...args: string[]) => Promise<{ exitCode: number; stdout: string; stderr: string }>;
};

/** A configuration with a control socket, and the commands with it. */
function place(t: Test, registry: Record<string, unknown> = {}): Place {
  const directory = shortDirectory(t);
  const top = { stateDirectory: directory, admin: { socket: join(directory, 'admin.sock') } };
  const config = join(directory, 'berth.yaml');
  writeFileSync(config, JSON.stringify(configFile(registry, top)));
  return {
    directory,
    async run(...args) {
      const { deps, output } = testDeps({ env: { BERTH_CONFIG: config } });
      const exitCode = await runCli(args, deps);
      return { exitCode, ...output };
    },
  };
}

/** The part of a running Berth that commands talk to. */
async function start(t: Test, directory: string, registry: Record<string, unknown> = {}): Promise<Migration> {
  const loaded = loadText(JSON.stringify(configFile(registry)));
  if (loaded.kind !== 'ok') throw new Error('the configuration has problems');
  const { registries } = loaded.config;
  const log = pino({ level: 'silent' });
  const settings = await openSettings({
    directory,
    registries,
    inRollout: () => true,
    log,
    onState: () => {},
    now: Date.now,
  });
  const migration = createMigration({ now: Date.now, maxNetworks: 2 });
  const deps = { registries: () => registries, settings, migration, log, now: Date.now };
  const control = createControl(join(directory, 'admin.sock'), deps);
  await control.listen();
  t.teardown(() => control.close());
  return migration;
}

const HINT =
  'To configure client firewall w/o using wildcard storage blob urls, use "berth update --name contoso --data-endpoint-enabled" to enable dedicated data endpoints.\n';

t.test('update switches, and show-endpoints shows what is in force', async (t) => {
  const off = { dataEndpointEnabled: false };
  const { directory, run } = place(t, off);
  await start(t, directory, off);
  const before = await run('show-endpoints');
  t.match(JSON.parse(before.stdout).dataEndpoints, [
    { region: 'eastus', endpoint: '*.blob.core.windows.net' },
    { region: 'westus', endpoint: '*.blob.core.windows.net' },
  ]);
  t.equal(before.stderr, HINT);

  const on = await run('update', '--name', 'contoso', '--data-endpoint-enabled');
  t.match(on, { exitCode: 0, stderr: '' });
  t.match(JSON.parse(on.stdout), {
    name: 'contoso',
    dataEndpointEnabled: true,
    dataEndpointHostNames: ['contoso.eastus.data.registry.example', 'contoso.westus.data.registry.example'],
  });
  const after = await run('show-endpoints');
  t.equal(after.stderr, '');
  t.strictSame(JSON.parse(after.stdout), {
    loginServer: 'contoso.registry.example',
    dataEndpoints: [
      { region: 'eastus', endpoint: 'contoso.eastus.data.registry.example' },
      { region: 'westus', endpoint: 'contoso.westus.data.registry.example' },
    ],
  });
  const rules = await run('firewall-rules');
  t.match(rules.stdout, /contoso\.eastus\.data\.registry\.example/, 'the state in force, not the file');
  const back = await run('update', '--data-endpoint-enabled', 'false', '-o', 'tsv');
  t.equal(back.stdout, 'contoso\tcontoso.registry.example\tfalse\t\n');
  t.match(await run('update', '--data-endpoint-enabled', 'true', '-o', 'table'), {
    stdout: /^NAME +LOGIN SERVER .*\ncontoso .* true /,
  });
});

t.test('update in the wrong way, or of nothing that runs', async (t) => {
  const { run } = place(t);
  t.match(await run('update', '--name', 'contoso'), {
    exitCode: 2,
    stderr: /required option '--data-endpoint-enabled/,
  });
  t.match(await run('update', '--data-endpoint-enabled', 'yes'), { exitCode: 2, stderr: /true or false/ });
  t.match(await run('update', '--name', 'x', '--data-endpoint-enabled'), {
    exitCode: 1,
    stderr: /no registry "x"/,
  });
  t.match(await run('update', '--data-endpoint-enabled'), {
    exitCode: 1,
    stdout: '',
    stderr: /^berth: no Berth answers at .*admin\.sock \(ENOENT\): start it with "berth serve", or name/,
  });
  t.match(await run('report', 'migration'), { exitCode: 1, stderr: /no Berth answers at/ });
  const shown = await run('show-endpoints');
  t.equal(shown.exitCode, 0);
  t.match(shown.stderr, /^This is what the configuration says, .*: no Berth answers at/);
  t.match(shown.stdout, /contoso\.eastus\.data/);

  const { deps, output } = testDeps();
  const config = join(t.testdir({ 'berth.yaml': JSON.stringify(configFile()) }), 'berth.yaml');
  t.equal(await runCli(['update', '--config', config, '--data-endpoint-enabled'], deps), 1);
  t.match(output.stderr, /has no control socket: add "admin: \{ socket: /);
});

t.test('what the running Berth refuses is told in its words', async (t) => {
  const inline = { delivery: 'inline', dataEndpoint: null, regions: [] };
  const { directory, run } = place(t, inline);
  await start(t, directory, inline);
  t.match(await run('update', '--data-endpoint-enabled'), {
    exitCode: 1,
    stdout: '',
    stderr: /^berth: registry contoso has delivery: inline, so .*; set delivery: passthrough or dedicated/,
  });
  const other = place(t, { name: 'other' });
  await start(t, other.directory);
  t.match(await other.run('update', '--data-endpoint-enabled'), {
    exitCode: 1,
    stderr: 'berth: this Berth has no registry other: it has contoso\n',
  });
});

t.test(
  'while off, show-endpoints says what is in the way; with a rollout, who still needs storage',
  async (t) => {
    const bare = place(t, { delivery: 'passthrough', dataEndpoint: null, regions: [] });
    const { stdout, stderr } = await bare.run('show-endpoints', '-o', 'yaml');
    t.match(parse(stdout), { dataEndpoints: [{ region: '*', endpoint: '*.blob.core.windows.net' }] });
    t.match(stderr, HINT);
    t.match(stderr, /\nBefore that: registry contoso has no dataEndpoint, no regions in the configuration/);
    const partly = place(t, { rollout: { percent: 10, clients: ['10.0.0.0/8'] } });
    t.match(await partly.run('show-endpoints'), {
      stderr:
        /\nThe rollout covers 10 % of the clients and 1 listed networks; all others still need \*\.blob/,
    });
  },
);

t.test('report migration, for people and for programs', async (t) => {
  const { directory, run } = place(t);
  const migration = await start(t, directory);
  t.match(await run('report', 'migration'), {
    exitCode: 0,
    stdout: /^NETWORK +STORAGE LINKS .*\n\nWildcard rule for storage: wait: this Berth has counted since/,
    stderr: '',
  });
  migration.record('contoso', '10.0.0.0/24', 'storage');
  migration.record('contoso', '10.0.1.0/24', 'storage');
  migration.record('contoso', '10.0.2.0/24', 'arrived');
  const table = await run('report', 'migration', '--name', 'contoso');
  t.match(table.stdout, /^10\.0\.2\.0\/24 +0 +- +0 +- +1 +20/m);
  t.match(table.stdout, /^Wildcard rule for storage: wait: a link to storage was last given out at/m);
  t.equal(table.stderr, '1 networks were forgotten to make room; whether they arrive is not known\n');
  const tsv = await run('report', 'migration', '-o', 'tsv');
  t.equal(tsv.stdout.trimEnd().split('\n').length, 2, 'rows alone');
  const { stdout } = await run('report', 'migration', '-o', 'json');
  t.match(JSON.parse(stdout), {
    registry: 'contoso',
    total: { storage: { count: 2 } },
    droppedNetworks: 1,
    verdict: { wildcardRule: 'wait' },
  });
});

t.test('something else at the socket is not taken for Berth', async (t) => {
  const { directory, run } = place(t);
  let answer = 'hello';
  const server = createServer((_request, response) => response.writeHead(404).end(answer));
  server.listen(join(directory, 'admin.sock'));
  await once(server, 'listening');
  t.teardown(() => server.close());
  t.match(await run('update', '--data-endpoint-enabled'), { exitCode: 1, stderr: /gave no usable answer/ });
  answer = '{"errors":[]}';
  t.match(await run('update', '--data-endpoint-enabled'), {
    exitCode: 1,
    stderr: /is not Berth \(status 404\)/,
  });
});
