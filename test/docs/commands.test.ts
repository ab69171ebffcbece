import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { refusedPort } from '../support/broken-upstream.ts';
import { createTestAuthority, type TestAuthority } from '../support/ca.ts';

const root = join(import.meta.dirname, '../..');

/** Who runs a command that is not run here, and the words by which it does. */
const RUN_ELSEWHERE: Readonly<Record<string, { readonly by: string; readonly says: string }>> = {
  'docker build -t berth .': { by: 'test/e2e/deploy/build-image.ts', says: "'bud'" },
  'docker run --read-only -v /etc/berth:/etc/berth:ro -v berth-cache:/var/cache/berth -p 443:443 berth': {
    by: 'test/e2e/deploy/scenario-image.ts',
    says: "'--read-only'",
  },
  'helm lint --strict deploy/helm/berth -f deploy/helm/values/acr.yaml': {
    by: 'test/e2e/deploy/scenario-deploy.ts',
    says: "'--strict'",
  },
  'helm template berth deploy/helm/berth -f deploy/helm/values/acr.yaml -f deploy/helm/values/monitoring.yaml':
    { by: 'test/e2e/deploy/scenario-deploy.ts', says: "['acr', 'monitoring']" },
  'docker compose -f deploy/compose/compose.yaml up -d': {
    by: 'test/e2e/deploy/scenario-deploy.ts',
    says: 'docker-compose',
  },
  'npm pack': { by: 'test/build/package.test.ts', says: "'pack'" },
  'npm install --global berth-0.1.0.tgz': { by: 'test/e2e/deploy/install-package.ts', says: "'install'" },
  'npm ci': { by: '.ci/run', says: 'npm ci' },
  'npm ci && npm run demo': { by: 'test/demo/main.test.ts', says: 'main.ts' },
  'npm ci && npm test': { by: '.ci/run', says: 'npm run verify' },
  'npm test': { by: '.ci/run', says: 'npm run verify' },
  'npm run verify': { by: '.ci/run', says: 'npm run verify' },
  'npm run programs': { by: '.ci/run', says: 'npm run programs' },
  'docker pull localhost:5000/team/app:latest': { by: 'test/e2e/scenario-sidecar.ts', says: 'localhost:' },
  'berth show-endpoints --name contoso': { by: 'test/docs/migration.test.ts', says: 'docs/migration.md' },
  'berth report migration --name contoso': { by: 'test/docs/migration.test.ts', says: 'docs/migration.md' },
  'berth update --name contoso --data-endpoint-enabled': {
    by: 'test/docs/migration.test.ts',
    says: 'docs/migration.md',
  },
  'berth firewall-rules --name contoso --format plain': {
    by: 'test/docs/migration.test.ts',
    says: 'docs/migration.md',
  },
  'berth update --name contoso --data-endpoint-enabled false': {
    by: 'test/docs/migration.test.ts',
    says: 'docs/migration.md',
  },
  'berth update --name contoso --data-endpoint-enabled true': {
    by: 'test/docs/migration.test.ts',
    says: 'docs/migration.md',
  },
};

const commands = [...new Set(globSync(['*.md', 'docs/*.md'], { cwd: root }).flatMap(commandsOf))];

function commandsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
    block
      .replaceAll('\\\n', '')
      .split('\n')
      .map((line) => line.replace(/\s+#.*$/, '').trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
}

type Result = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** Runs one line as a shell would; `npx berth` is this Node and `src/main.ts`. */
async function run(line: string, cwd: string, env: Record<string, string>): Promise<Result> {
  const berth = `"${process.execPath}" "${join(root, 'src/main.ts')}"`;
  const script = line.replace(/^(npx berth|berth) /, `exec ${berth} `);
  const child = spawn('sh', ['-c', script], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  let asked = false;
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    // A server that listens has shown what it had to show; a second signal would end it at once.
    if (!asked && stdout.includes('"msg":"listening"')) asked = child.kill('SIGTERM');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code]: (number | null)[] = await once(child, 'close');
  return { code: code ?? null, stdout, stderr };
}

t.test('every command of the documents is run by a test', async (t) => {
  t.ok(commands.length > 10, `${commands.length} commands found`);
  for (const [command, { by, says }] of Object.entries(RUN_ELSEWHERE)) {
    t.ok(commands.includes(command), `${command} is in a document`);
    t.match(readFileSync(join(root, by), 'utf8'), says, `${command} is run by ${by}`);
  }
  const cwd = mkdtempSync(join(tmpdir(), 'berth-docs-'));
  t.teardown(() => rmSync(cwd, { recursive: true, force: true }));
  cpSync(join(root, 'config'), join(cwd, 'config'), { recursive: true });
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const configFile = await exampleConfig(authority, cwd);
  for (const command of commands.filter((line) => RUN_ELSEWHERE[line] === undefined)) {
    await t.test(command, (t) => tryCommand(t, command, cwd, configFile));
  }
});

/** `config/berth.yaml` with certificates that are there, as its reader would have made it, and a free port. */
async function exampleConfig(authority: TestAuthority, cwd: string): Promise<string> {
  const { certFile, keyFile } = await authority.issue([
    'contoso.registry.example',
    'contoso.eastus.data.registry.example',
    'contoso.westus.data.registry.example',
  ]);
  const text = readFileSync(join(root, 'config/berth.yaml'), 'utf8')
    .replace('/etc/berth/tls/tls.crt', certFile)
    .replace('/etc/berth/tls/tls.key', keyFile)
    .replaceAll(/\/(etc|run|var\/lib)\/berth\b/g, cwd)
    .replace('"::"\n    port: 443', `127.0.0.1\n    port: ${await refusedPort()}`)
    .replace('"::", port: 9464', `127.0.0.1, port: ${await refusedPort()}`);
  const file = join(cwd, 'berth.yaml');
  writeFileSync(file, text);
  return file;
}

async function tryCommand(t: Test, command: string, cwd: string, configFile: string): Promise<void> {
  // Port 5000 may be taken where the tests run.
  const line = command.replace('--port 5000', `--port ${await refusedPort()}`);
  const result = await run(line, cwd, { BERTH_CONFIG: configFile });
  t.equal(result.code, 0, `${result.stdout}${result.stderr}`);
}

t.test('`npx berth` is the command of the documents', async (t) => {
  const result = await new Promise<Result>((resolve, reject) => {
    execFile('npx', ['berth', '--version'], { cwd: root }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
  t.equal(result.code, 0, result.stderr);
  t.equal(result.stdout.trim(), JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version);
});
