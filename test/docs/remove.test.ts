import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { runCli } from '../../src/cli/create-program.ts';
import { testDeps } from '../support/cli-deps.ts';
import { configFile } from '../support/config-file.ts';
import { blocksOf, commandsOfBlock, ROOT, readDocument } from './documents.ts';

// "systemd" of docs/deploy.md and "Remove it" of docs/operate.md: their commands in order, on a tree of files of this test in the place of the machine's own, with
// programs that only say how they were called. What an installation makes has to be gone, and nothing else.

const [PREPARE = '', ENABLE = ''] = blocksOf(
  readDocument('docs/deploy.md').split(/^## systemd$/m)[1] ?? '',
  'sh',
);
const SECTION = readDocument('docs/operate.md').split(/^## Remove it$/m)[1] ?? '';
const [PACKAGE = '', HELM = '', COMPOSE = '', CONTAINER = ''] = blocksOf(SECTION, 'sh');

/** Paths of the machine, as the commands name them: no command of this test may meet one. */
const ABSOLUTE = /(?<![\w.-])\/(?=\w)/g;

type Machine = {
  /** Paths as the machine would have them; a folder ends with a slash. */
  readonly has: (path: string) => boolean;
  /** Runs the commands; what programs were called with, in order. */
  readonly run: (block: string) => Promise<readonly string[]>;
};

/** A machine with these files, and none of Berth's programs. */
function machine(t: Test, paths: readonly string[]): Machine {
  const directory = t.testdir({ bin: {}, root: {} });
  const root = join(directory, 'root');
  const log = join(directory, 'calls');
  writeFileSync(log, '');
  for (const path of paths) {
    const at = join(root, path.endsWith('/') ? `${path}file` : path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, '');
  }
  const write = (name: string, script: string): void => {
    writeFileSync(join(directory, 'bin', name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, 'bin', name), 0o755);
  };
  for (const name of [
    'systemctl',
    'systemd-sysusers',
    'systemd-tmpfiles',
    'npm',
    'userdel',
    'helm',
    'kubectl',
  ]) {
    write(name, `echo "${name} $*" >> '${log}'`);
  }
  write('docker', `echo "docker $*" >> '${log}'\n[ "$1" != ps ] || echo abc`);
  write('sudo', 'exec "$@"');
  write('berth', `exec '${process.execPath}' '${join(ROOT, 'src/main.ts')}' "$@"`);
  return {
    has: (path) => existsSync(join(root, path)),
    async run(block) {
      const lines = commandsOfBlock(block).map((line) => line.replaceAll(ABSOLUTE, `${root}/`));
      const child = spawn('sh', ['-e', '-c', lines.join('\n')], {
        cwd: ROOT,
        env: { PATH: `${join(directory, 'bin')}:${process.env['PATH']}` },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => void (stderr += chunk.toString()));
      const [code]: unknown[] = await once(child, 'close');
      t.equal(code, 0, stderr);
      const calls = readFileSync(log, 'utf8').trimEnd().split('\n');
      writeFileSync(log, '');
      return calls;
    },
  };
}

/** Folders that the unit has systemd make. */
function foldersOfUnit(): string[] {
  const unit = readFileSync(join(ROOT, 'deploy/systemd/berth.service'), 'utf8');
  const bases = { Configuration: '/etc', State: '/var/lib', Cache: '/var/cache', Logs: '/var/log' };
  return Object.entries(bases).flatMap(([kind, base]) => {
    const names = new RegExp(`^${kind}Directory=(.*)$`, 'm').exec(unit)?.[1]?.split(' ') ?? [];
    return names.map((name) => `${base}/${name}/`);
  });
}

t.test('with the systemd unit: what an installation makes is gone after it, and nothing else', async (t) => {
  const folders = foldersOfUnit();
  t.equal(folders.length, 5);
  const others = [
    '/etc/systemd/system/other.service',
    '/usr/lib/sysusers.d/a.conf',
    '/usr/lib/tmpfiles.d/a.conf',
  ];
  const { has, run } = machine(t, [...folders, ...others]);
  t.same(await run(PREPARE), ['systemd-sysusers ', 'systemd-tmpfiles --create']);
  t.same(await run(ENABLE), ['systemctl daemon-reload', 'systemctl enable --now berth']);
  const files = [
    '/etc/systemd/system/berth.service',
    '/usr/lib/sysusers.d/berth.conf',
    '/usr/lib/tmpfiles.d/berth.conf',
  ];
  const own = [...files, '/etc/berth/berth.yaml', '/etc/berth/ticket.keys', ...folders];
  for (const path of own) t.ok(has(path), `${path} is there`);
  t.same(await run(PACKAGE), [
    'systemctl disable --now berth',
    'systemctl daemon-reload',
    'npm uninstall --global berth',
    'userdel berth',
  ]);
  for (const path of own) t.notOk(has(path), `${path} is gone`);
  for (const path of others) t.ok(has(path), `${path} stays`);
  const { name } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  t.equal(name, 'berth', 'what npm removes is this package');
});

t.test('with Helm: the Secrets are those that the chart asks for, and it keeps nothing back', async (t) => {
  const calls = await machine(t, []).run(HELM);
  const values = parse(readFileSync(join(ROOT, 'deploy/helm/berth/values.yaml'), 'utf8'));
  const secrets = `${values.ticketKeys.secretName} ${values.tls.secretName}`;
  t.same(calls, ['helm uninstall berth', `kubectl delete secret ${secrets}`]);
  for (const file of globSync('deploy/helm/berth/templates/*', { cwd: ROOT })) {
    t.notMatch(readFileSync(join(ROOT, file), 'utf8'), 'resource-policy', file);
  }
});

t.test('with Compose: the file is there, and the image is the one that it builds', async (t) => {
  const calls = await machine(t, []).run(COMPOSE);
  const file = 'deploy/compose/compose.yaml';
  const { image } = parse(readFileSync(join(ROOT, file), 'utf8')).services.berth;
  t.same(calls, [`docker compose -f ${file} down --volumes`, `docker image rm ${image}`]);
});

t.test('as a container: image and volumes are those of docs/deploy.md', async (t) => {
  const calls = await machine(t, []).run(CONTAINER);
  const [build = '', start = ''] = blocksOf(readDocument('docs/deploy.md'), 'sh').flatMap(commandsOfBlock);
  const image = /^docker build -t (\S+) /.exec(build)?.[1];
  const volumes = [...start.matchAll(/ -v ([\w-]+):/g)].map(([, name]) => name);
  t.same(calls, [
    `docker ps --all --quiet --filter ancestor=${image}`,
    'docker rm --force abc',
    `docker volume rm ${volumes.join(' ')}`,
    `docker image rm ${image}`,
  ]);
});

t.test('every file that client-config writes is in the table of what to take away', async (t) => {
  const directory = t.testdir({ 'ca.pem': '-----BEGIN CERTIFICATE-----\nx' });
  const config = join(directory, 'berth.yaml');
  for (const registry of [{}, { preset: 'dockerhub', upstream: { url: 'https://registry-1.docker.io' } }]) {
    writeFileSync(config, JSON.stringify(configFile(registry)));
    for (const client of ['docker', 'containerd', 'podman', 'crio', 'buildkit']) {
      const row =
        SECTION.split('\n').find(
          (line) => line.startsWith('|') && line.toLowerCase().includes(rowOf(client)),
        ) ?? '';
      const { deps, output } = testDeps({ env: { BERTH_CONFIG: config } });
      t.equal(
        await runCli(['client-config', client, '--ca', join(directory, 'ca.pem'), '-o', 'json'], deps),
        0,
      );
      const files: { readonly path: string }[] = JSON.parse(output.stdout);
      t.ok(files.length > 0, client);
      const named = [...row.matchAll(/`(\/[^`]+)`/g)].map(([, path = '']) => path.replace('NAME', 'contoso'));
      for (const { path } of files)
        t.ok(
          named.some((one) => path.startsWith(one)),
          `${client}: ${path}`,
        );
    }
  }
});

function rowOf(client: string): string {
  return client === 'crio' ? 'cri-o' : client;
}
