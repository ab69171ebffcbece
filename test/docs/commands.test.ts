import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { refusedPort } from '../support/broken-upstream.ts';

const root = join(import.meta.dirname, '../..');

/** Who runs a command that is not run here. */
const RUN_ELSEWHERE: Readonly<Record<string, string>> = {
  'npm ci': '.ci/run',
  'npm ci && npm run demo': 'test/demo/main.test.ts',
  'npm ci && npm test': '.ci/run',
  'npm test': '.ci/run',
  'npm run verify': '.ci/run',
  'docker pull localhost:5000/team/app:latest': 'test/e2e/scenario-process.ts',
  'berth show-endpoints --name contoso': 'test/docs/migration.test.ts',
  'berth report migration --name contoso': 'test/docs/migration.test.ts',
  'berth update --name contoso --data-endpoint-enabled': 'test/docs/migration.test.ts',
  'berth firewall-rules --name contoso --format plain': 'test/docs/migration.test.ts',
  'berth update --name contoso --data-endpoint-enabled false': 'test/docs/migration.test.ts',
  'berth update --name contoso --data-endpoint-enabled true': 'test/docs/migration.test.ts',
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

/** Runs one line as a shell would in a copy of the repository; `npm start --` is this Node and `src/main.ts`. */
async function run(line: string, cwd: string): Promise<Result> {
  const berth = `"${process.execPath}" "${join(root, 'src/main.ts')}"`;
  const script = line.replace(/^(npx berth|berth|npm start --) /, `exec ${berth} `);
  const child = spawn('sh', ['-c', script], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
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
  for (const [command, where] of Object.entries(RUN_ELSEWHERE)) {
    t.ok(commands.includes(command), `${command} is in a document`);
    t.ok(existsSync(join(root, where)), `${command} is run by ${where}`);
  }
  const cwd = mkdtempSync(join(tmpdir(), 'berth-docs-'));
  t.teardown(() => rmSync(cwd, { recursive: true, force: true }));
  cpSync(join(root, 'config'), join(cwd, 'config'), { recursive: true });
  for (const command of commands.filter((line) => RUN_ELSEWHERE[line] === undefined)) {
    await t.test(command, (t) => tryCommand(t, command, cwd));
  }
});

async function tryCommand(t: Test, command: string, cwd: string): Promise<void> {
  // Port 5000 may be taken where the tests run.
  const result = await run(command.replace('--port 5000', `--port ${await refusedPort()}`), cwd);
  if (command.endsWith('serve --config berth.yaml')) {
    t.equal(result.code, 1, 'the example needs certificates and keys');
    t.match(result.stderr, /\/etc\/berth\//, 'and says which file is missing');
    return;
  }
  t.equal(result.code, 0, `${result.stdout}${result.stderr}`);
}
