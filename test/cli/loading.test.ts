import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import t from 'tap';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

/** Prints what is loaded, on standard error, when the process ends. */
const RECORD = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
  process.on('exit', () => process.stderr.write([...loaded, ...process.moduleLoadList].join('\\n')));
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
  t.same(
    loaded.filter((name) => /\bffi$/.test(name)),
    [],
    'nor what calls C, before there is a blob to read',
  );
});

t.test('the help of all has all of them', async (t) => {
  const loaded = await loadedBy('--help');
  t.ok(loaded.includes('cli/warm.ts'));
});

/** What a Berth has loaded that listens, and was then asked to end. */
async function loadedByServing(...args: readonly string[]): Promise<readonly string[]> {
  const child = spawn(process.execPath, ['--import', RECORD, join(root, 'src/main.ts'), 'serve', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const recorded = text(child.stderr);
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('"listening"')) child.kill('SIGTERM');
  }
  return (await recorded).split('\n');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

t.test('a plain start loads nothing heavy that only some configurations need', async (t) => {
  const port = await freePort();
  const loaded = await loadedByServing('--upstream', 'https://registry.example', '--port', String(port));
  t.ok(loaded.some((name) => name.endsWith('/src/app.ts')));
  t.ok(loaded.some((name) => name.includes('/node_modules/undici/lib/dispatcher/agent.js')));
  const heavy: Readonly<Record<string, RegExp>> = {
    'a cloud SDK': /node_modules\/@(azure|aws-sdk)\//,
    'the SDK of traces': /node_modules\/@opentelemetry\/(?!api\/)/,
    'the client of Redis': /node_modules\/(redis|@redis)\//,
    'all of undici': /node_modules\/undici\/(index\.js|lib\/(web|mock|cache)\/)/,
    'a compiler of schemas': /node_modules\/(ajv|fast-json-stringify\/index\.js)/,
    'a password hash': /node_modules\/bcryptjs\//,
    'the YAML parser': /node_modules\/yaml\//,
    charts: /node_modules\/uplot\//,
    "Node's own fetch": /^NativeModule internal\/deps\/undici\/undici$/,
  };
  for (const [what, pattern] of Object.entries(heavy)) {
    t.same(
      loaded.filter((name) => pattern.test(name)),
      [],
      what,
    );
  }
});
