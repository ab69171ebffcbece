import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { refusedPort } from '../support/broken-upstream.ts';
import { createTestAuthority, type TestAuthority } from '../support/ca.ts';
import { commandsOf, DOCUMENTS, ROOT, readDocument } from './documents.ts';
import { faultOf, RUN_ELSEWHERE, RUN_IN_ORDER } from './run-elsewhere.ts';

/** Every command of documents whose commands stand alone. */
const commands = [
  ...new Set(
    DOCUMENTS.filter((file) => RUN_IN_ORDER[file] === undefined).flatMap((file) =>
      commandsOf(readDocument(file)).map((command) => command.replace(/^npx /, '')),
    ),
  ),
];

type Result = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** Runs one line as a shell would; `npx berth` is this Node and `src/main.ts`. */
async function run(line: string, cwd: string, env: Record<string, string>): Promise<Result> {
  const berth = `"${process.execPath}" "${join(ROOT, 'src/main.ts')}"`;
  const script = line.replace(/^((?:\w+=\S+ )*)berth /, (_, set: string) => `exec env ${set}${berth} `);
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
  const all = DOCUMENTS.flatMap((file) => commandsOf(readDocument(file)));
  for (const [command, runner] of Object.entries(RUN_ELSEWHERE)) {
    t.ok(all.includes(command), `${command} is in a document`);
    t.equal(faultOf(runner), undefined, `${command} is run by ${runner.by}`);
  }
  for (const [file, runner] of Object.entries(RUN_IN_ORDER)) {
    t.ok(commandsOf(readDocument(file)).length > 0, `${file} has commands`);
    t.equal(faultOf(runner), undefined, `${file} is run by ${runner.by}`);
  }
  const cwd = mkdtempSync(join(tmpdir(), 'berth-docs-'));
  t.teardown(() => rmSync(cwd, { recursive: true, force: true }));
  cpSync(join(ROOT, 'config'), join(cwd, 'config'), { recursive: true });
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
  const text = readFileSync(join(ROOT, 'config/berth.yaml'), 'utf8')
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
  const line = command
    .replace('--port 5000', `--port ${await refusedPort()}`)
    .replace('/etc/berth/berth.yaml', configFile);
  // It never writes over a file, and two documents have the reader make it.
  if (line.includes('ticket-key generate')) rmSync(join(cwd, 'ticket.keys'), { force: true });
  const result = await run(line, cwd, { BERTH_CONFIG: configFile });
  t.equal(result.code, 0, `${result.stdout}${result.stderr}`);
}

t.test('`npx berth` is the command of the documents', async (t) => {
  const result = await new Promise<Result>((resolve, reject) => {
    execFile('npx', ['berth', '--version'], { cwd: ROOT }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
  t.equal(result.code, 0, result.stderr);
  t.equal(result.stdout.trim(), JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version);
});
