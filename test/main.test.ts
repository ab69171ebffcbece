import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { formatTicketKeys, generateTicketKeys } from '../src/ticket/ticket-keys.ts';

const MAIN = join(import.meta.dirname, '../src/main.ts');

function start(t: Test, args: readonly string[], nodeOptions: readonly string[] = []) {
  const child = spawn(process.execPath, [...nodeOptions, MAIN, ...args], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  return { child, exit: once(child, 'exit'), stderr: text(child.stderr) };
}

function writeConfig(t: Test, listener: Record<string, unknown>, top: Record<string, unknown> = {}): string {
  const directory = t.testdir({});
  writeFileSync(join(directory, 'ticket.keys'), formatTicketKeys(generateTicketKeys()), { mode: 0o600 });
  const file = join(directory, 'berth.yaml');
  const config = {
    listeners: [{ address: '127.0.0.1', ...listener }],
    metrics: null,
    ticket: { keyFile: 'ticket.keys' },
    ...top,
    registries: [
      {
        name: 'local',
        loginServer: 'localhost',
        scheme: 'http',
        upstream: { url: 'http://127.0.0.1:9', allowedPrivateAddresses: ['127.0.0.0/8'] },
        delivery: 'inline',
      },
    ],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

async function statusOf(port: number, host: string): Promise<number | undefined> {
  const outgoing = request({ host: '127.0.0.1', port, path: '/v2/', headers: { host } });
  outgoing.end();
  const [response] = await once(outgoing, 'response');
  response.resume();
  return response.statusCode;
}

t.test('what Node warns of is a line of the log, and nothing on standard error', async (t) => {
  const config = writeConfig(t, { port: 0 });
  const warnAgain = `data:text/javascript,${encodeURIComponent(`
    process.on('newListener', (name) => {
      if (name === 'warning') setInterval(() => process.emitWarning('mind the gap'), 10).unref();
    });
  `)}`;
  const { child, exit, stderr } = start(t, ['serve', '--config', config], ['--import', warnAgain]);
  for await (const line of createInterface({ input: child.stdout })) {
    const { level, warning, msg } = JSON.parse(line);
    if (warning === undefined) continue;
    t.match({ level, warning, msg }, { level: 'warn', warning: 'Warning', msg: 'mind the gap' });
    break;
  }
  child.kill('SIGTERM');
  await exit;
  t.equal(await stderr, '');
});

t.test('a disk that has no room for the log stops no request and no end', async (t) => {
  const port = await freePort();
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [MAIN, 'serve', '--config', writeConfig(t, { port })], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', full, 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  closeSync(full);
  const exit = once(child, 'exit');
  const stderr = child.stderr && text(child.stderr);
  const deadline = Date.now() + 20_000;
  let status: number | undefined;
  while (status === undefined && Date.now() < deadline) {
    status = await statusOf(port, 'nowhere.example').catch(() => undefined);
  }
  t.equal(status, 421);
  for (let n = 0; n < 3; n += 1) t.equal(await statusOf(port, 'nowhere.example'), 421);
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
  t.equal(await stderr, '');
});

t.test('what a worker says in its last turn is in the log', async (t) => {
  const config = writeConfig(t, { port: 0 }, { workers: 2 });
  const dying = `data:text/javascript,${encodeURIComponent(`
    if (process.send !== undefined) process.on('newListener', (name) => {
      if (name === 'warning') setTimeout(() => {
        process.emitWarning('last words');
        process.nextTick(() => process.nextTick(() => process.exit(1)));
      }, 200);
    });
  `)}`;
  const { child } = start(t, ['serve', '--config', config], ['--import', dying]);
  const first = { said: false, ended: false };
  for await (const line of createInterface({ input: child.stdout })) {
    first.said ||= line.includes('last words');
    first.ended ||= line.includes('a worker has ended');
    if (first.said || first.ended) break;
  }
  t.ok(first.said);
});

t.test('SIGUSR1 opens the audit log anew, and no debugger', async (t) => {
  const config = writeConfig(t, { port: 0 }, { audit: { file: 'audit.jsonl' } });
  const file = join(dirname(config), 'audit.jsonl');
  const { child, exit, stderr } = start(t, ['serve', '--config', config]);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = JSON.parse((await lines.next()).value ?? '{}');
  const port = Number(String(first.listeners[0]).split(':').at(-1));
  t.equal(await statusOf(port, 'one.example'), 421);
  renameSync(file, `${file}.1`);
  child.kill('SIGUSR1');
  const deadline = Date.now() + 5000;
  // Nothing waits for the new file, so the first of these may still be in the old one.
  do {
    if (Date.now() > deadline) throw new Error('the new file has no line within 5 s');
    t.equal(await statusOf(port, 'two.example'), 421);
  } while (!existsSync(file) || readFileSync(file).length === 0);
  child.kill('SIGTERM');
  t.equal((await exit)[0], 0);
  t.match(readFileSync(`${file}.1`, 'utf8'), /^\{.*"host":"one\.example".*\}\n/);
  t.match(readFileSync(file, 'utf8'), /^\{.*"host":"two\.example".*\}\n/);
  t.equal(await stderr, '', 'Node says where its debugger listens');
});

/** A module that Node runs first. */
function preload(source: string): readonly string[] {
  return ['--inspect-port=0', '--import', `data:text/javascript,${encodeURIComponent(source)}`];
}

t.test('signals while the program is still being loaded end nothing and open no debugger', async (t) => {
  const config = writeConfig(t, { port: 0 }, { log: { level: 'debug' } });
  const signalling = preload(`import { registerHooks } from 'node:module';
    registerHooks({ load(url, context, next) {
      if (/\\/(create-program|serve|app)\\.ts$/.test(url)) for (const name of ['SIGUSR1', 'SIGHUP']) process.kill(process.pid, name);
      return next(url, context);
    } });`);
  const { child, exit, stderr } = start(t, ['serve', '--config', config], signalling);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => JSON.parse((await lines.next()).value ?? '{}');
  t.match(await next(), { msg: 'listening' });
  t.match(await next(), { msg: 'nothing to reload' }, 'acted on once there is something');
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
  t.equal(await stderr, '', 'Node says where its debugger listens');
});

t.test(
  'a debugger that SIGUSR1 opened before Berth ran is closed, one that was asked for is not',
  async (t) => {
    const opened = `import { url } from 'node:inspector';
    import { isMainThread } from 'node:worker_threads';
    if (isMainThread) process.kill(process.pid, 'SIGUSR1');
    while (isMainThread && url() === undefined) await new Promise(setImmediate);`;
    for (const [options, isOpen] of [
      [preload(opened), false],
      [['--inspect=127.0.0.1:0'], true],
    ] as const) {
      const { child, exit } = start(t, ['serve', '--config', writeConfig(t, { port: 0 })], options);
      const said = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
      const port = Number(
        /^Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)/.exec((await said.next()).value ?? '')?.[1],
      );
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      t.match(JSON.parse((await lines.next()).value ?? '{}'), { msg: 'listening' });
      const answer = fetch(`http://127.0.0.1:${port}/json/version`);
      await (isOpen ? t.resolves(answer) : t.rejects(answer, { cause: { code: 'ECONNREFUSED' } }));
      child.kill('SIGTERM');
      t.same(await exit, [0, null]);
    }
  },
);

t.test('started by flags, SIGHUP ends it as SIGTERM does', async (t) => {
  const { child, exit, stderr } = start(t, [
    'serve',
    '--upstream=http://127.0.0.1:9',
    `--port=${await freePort()}`,
    '--allow-private=127.0.0.0/8',
    '--redirect-host=storage.example',
  ]);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  t.match(JSON.parse((await lines.next()).value ?? '{}'), { msg: 'listening' });
  child.kill('SIGHUP');
  t.same(await exit, [0, null]);
  t.equal(await stderr, '');
});

t.test('serve runs until SIGTERM, drains and exits 0', async (t) => {
  const { child, exit, stderr } = start(t, ['serve', '--config', writeConfig(t, { port: 0 })]);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = JSON.parse((await lines.next()).value ?? '{}');
  t.match(first, { msg: 'listening', level: 'info' });
  const port = Number(String(first.listeners[0]).split(':').at(-1));
  t.equal(await statusOf(port, 'unknown.example'), 421);
  t.equal(await statusOf(port, 'localhost'), 502, 'nobody listens at the upstream');
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
  t.equal(await stderr, '');
});

t.test('a changed file is taken up by itself, and everything at SIGHUP', async (t) => {
  const file = writeConfig(t, { port: 0 });
  const { child, exit } = start(t, ['serve', '--config', file]);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => JSON.parse((await lines.next()).value ?? '{}');
  t.match(await next(), { msg: 'listening' });
  const keyFile = join(file, '..', 'ticket.keys');
  writeFileSync(keyFile, formatTicketKeys(generateTicketKeys()), { mode: 0o600 });
  t.match(await next(), { msg: 'reloaded', part: 'ticket_keys' }, 'the file alone was enough');
  writeFileSync(file, 'listeners: 7');
  child.kill('SIGHUP');
  t.match(await next(), { level: 'error', part: 'configuration', reason: /berth\.yaml:1:12: listeners/ });
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
});

t.test('a port that is taken is one clear line, exit code 1', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const { child, exit, stderr } = start(t, ['serve', '--config', writeConfig(t, { port })]);
  child.stdout.resume();
  t.same(await exit, [1, null]);
  t.equal(
    await stderr,
    `berth: 127.0.0.1:${port} is taken by another process: stop it, or choose another port\n`,
  );
});

t.test('a bad certificate is one clear line, exit code 1', async (t) => {
  const tls = { certificates: [{ cert: 'none.crt', key: 'none.key' }] };
  const { child, exit, stderr } = start(t, ['serve', '--config', writeConfig(t, { port: 0, tls })]);
  child.stdout.resume();
  t.same(await exit, [1, null]);
  t.match(await stderr, /^berth: [^\n]*none\.crt[^\n]*\n$/);
});

t.test('check and wrong usage', async (t) => {
  const good = start(t, ['check', writeConfig(t, { port: 0 })]);
  good.child.stdout.resume();
  t.same(await good.exit, [0, null]);
  const wrong = start(t, ['srve']);
  wrong.child.stdout.resume();
  t.same(await wrong.exit, [2, null]);
  t.match(await wrong.stderr, /unknown command/);
});

t.test('a reader that has seen enough is no fault', async (t) => {
  const child = spawn(process.execPath, [MAIN, '--help'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const [code]: (number | null)[] = await once(child, 'close');
  t.equal(code, 0);
  t.equal(errors, '');
});
