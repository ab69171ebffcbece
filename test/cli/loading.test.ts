import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

/** Prints what is loaded, on standard error, when the process ends. */
const RECORD = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
  process.on('exit', () => process.stderr.write(loaded.join('\\n')));
`)}`;

async function loadedBy(...args: readonly string[]): Promise<readonly string[]> {
  const { stderr } = await run(process.execPath, ['--import', RECORD, join(root, 'src/main.ts'), ...args]);
  return stderr.split('\n').map((url) => url.replace(/^.*\/src\//, ''));
}

t.test('serve does not load what other commands need', async (t) => {
  const loaded = await loadedBy('serve', '--help');
  t.ok(loaded.includes('cli/serve.ts'));
  const others = ['warm', 'cache', 'check-health', 'client-config', 'firewall-rules', 'update', 'completion'];
  for (const other of others) t.notOk(loaded.includes(`cli/${other}.ts`), other);
  t.same(
    loaded.filter((url) => /node_modules\/(undici|fastify|prom-client|redis|@azure|@aws-sdk)\//.test(url)),
    [],
    'nor the proxy itself, before it is known what to serve',
  );
});

t.test('the help of all has all of them', async (t) => {
  const loaded = await loadedBy('--help');
  t.ok(loaded.includes('cli/warm.ts'));
});
