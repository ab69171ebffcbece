import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { CliDeps, RunningApp } from '../../src/cli/cli-deps.ts';
import { runCli } from '../../src/cli/create-program.ts';
import type { Config } from '../../src/config/config.ts';
import { formatTicketKeys, generateTicketKeys, type TicketKeys } from '../../src/ticket/ticket-keys.ts';
import { testDeps } from '../support/cli-deps.ts';
import { configFile } from '../support/config-file.ts';

type Call = { config: Config; ticketKeys: TicketKeys };

async function run(args: readonly string[], app: Partial<RunningApp> = {}, overrides: Partial<CliDeps> = {}) {
  const calls: Call[] = [];
  const events: string[] = [];
  const { deps, output } = testDeps({
    createApp: (config, { ticketKeys }) => {
      calls.push({ config, ticketKeys });
      return Promise.resolve({
        start: () => {
          events.push('start');
          return Promise.resolve({ listeners: [{ address: '::', port: 443 }], metrics: null, console: null });
        },
        stop: () => {
          events.push('stop');
          return Promise.resolve();
        },
        reload: () => Promise.resolve(),
        reopenAuditLog: () => {
          events.push('reopen');
          return Promise.resolve();
        },
        ...app,
      });
    },
    ...overrides,
  });
  const exitCode = await runCli(['serve', ...args], deps);
  return { exitCode, calls, events, ...output };
}

t.test('from a configuration: starts, waits for the signal, drains', async (t) => {
  const directory = t.testdir({});
  const file = join(directory, 'berth.yaml');
  const keys = generateTicketKeys();
  writeFileSync(file, JSON.stringify(configFile({}, { ticket: { keyFile: 'ticket.keys' } })));
  writeFileSync(join(directory, 'ticket.keys'), formatTicketKeys(keys), { mode: 0o600 });
  const stop = new AbortController();
  const started = Promise.withResolvers<void>();
  const reopen = Promise.withResolvers<() => void>();
  const events: string[] = [];
  const running = run(
    ['--config', file],
    {
      start: () => {
        started.resolve();
        return Promise.resolve({
          listeners: [{ address: '::', port: 443 }],
          metrics: { address: '127.0.0.1', port: 9464 },
          console: { address: '127.0.0.1', port: 9465 },
        });
      },
      stop: () => {
        events.push('stop');
        return Promise.resolve();
      },
      reopenAuditLog: () => {
        events.push('reopen');
        return Promise.resolve();
      },
    },
    { stopSignal: () => stop.signal, onReopenSignal: (listener) => reopen.resolve(listener) },
  );
  await started.promise;
  t.same(events, []);
  (await reopen.promise)();
  t.same(events.splice(0), ['reopen'], 'asked to open its log files anew');
  stop.abort();
  const { exitCode, calls, log, stderr } = await running;
  t.equal(exitCode, 0);
  t.equal(stderr, '');
  t.same(events, ['stop']);
  t.equal(calls[0]?.config.registries[0]?.name, 'contoso');
  t.equal(calls[0]?.ticketKeys.seal.id, keys.seal.id);
  const lines = log
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.match(lines, [
    {
      msg: 'listening',
      listeners: ['[::]:443'],
      metrics: '127.0.0.1:9464',
      console: '127.0.0.1:9465',
      version: '0.0.0-test',
    },
    { msg: /stopping/, drainSeconds: 25 },
    { msg: 'stopped' },
  ]);
});

t.test('from flags: no file, a key of its own', async (t) => {
  const one = await run([
    '--upstream',
    'ghcr.io',
    '--port',
    '5001',
    '--push',
    '--token-host',
    'a.example,b.example',
  ]);
  t.equal(one.exitCode, 0);
  t.match(one.calls[0]?.config, {
    ticket: { keyFile: null },
    registries: [
      {
        loginServer: 'localhost:5001',
        push: true,
        upstream: { url: 'https://ghcr.io', tokenHosts: ['a.example', 'b.example'] },
      },
    ],
  });
  const two = await run([
    '--upstream',
    'ghcr.io',
    '--redirect-host',
    'a.example',
    '--redirect-host',
    'b.example',
  ]);
  t.same(
    two.calls[0]?.config.registries[0]?.redirectHosts.map(({ host }) => host),
    ['a.example', 'b.example'],
  );
  t.equal(two.stderr, '');
  const three = await run(['--upstream', 'registry.example']);
  t.match(
    three.stderr,
    /^No preset fits registry\.example, .* --redirect-host, or its kind with --preset\.\n$/,
  );
  t.match(await run(['--upstream', 'registry.example', '--preset', 'quay']), { exitCode: 0, stderr: '' });
  t.match(await run(['--preset', 'quay']), { exitCode: 2, stderr: /--preset only works with --upstream/ });
  t.not(one.calls[0]?.ticketKeys.seal.id, two.calls[0]?.ticketKeys.seal.id);
});

t.test('plain HTTP over the public internet is a warning in the log', async (t) => {
  const { exitCode, log } = await run(['--upstream', 'http://registry.example', '--preset', 'quay']);
  t.equal(exitCode, 0);
  const [first] = log.split('\n');
  t.match(JSON.parse(first ?? ''), {
    level: 40,
    field: '--upstream',
    msg: /^http:\/\/registry\.example is plain HTTP .* by its CIDR in --allow-private$/,
  });
  const file = join(t.testdir({}), 'berth.yaml');
  const upstream = { url: 'http://registry.example' };
  writeFileSync(file, JSON.stringify(configFile({ upstream }, { ticket: { keyFile: 'ticket.keys' } })));
  writeFileSync(join(file, '../ticket.keys'), formatTicketKeys(generateTicketKeys()), { mode: 0o600 });
  const [line] = (await run(['--config', file])).log.split('\n');
  t.match(JSON.parse(line ?? ''), {
    level: 40,
    field: 'registries[0].upstream.url',
    msg: / in allowedPrivateAddresses$/,
  });
  t.notMatch((await run(['--upstream', 'registry.example', '--preset', 'quay'])).log, /plain HTTP/);
});

t.test('wrong usage', async (t) => {
  t.match(await run(['--upstream', 'ghcr.io', '--config', 'x']), {
    exitCode: 2,
    stderr: /either --config or --upstream/,
  });
  t.match(await run(['--port', '5001', '--allow-private', '10.0.0.0/8']), {
    exitCode: 2,
    stderr: 'berth: --port, --allow-private only works with --upstream\n',
    calls: [],
  });
  t.match(await run(['--upstream', 'ghcr.io', '--port', 'http']), { exitCode: 2, stderr: /1 to 65535/ });
  t.match(await run(['--upstream', 'https://u:p@ghcr.io']), {
    exitCode: 2,
    stderr: /^berth: --upstream: contains a user/,
  });
  t.match(await run(['--upstream', 'notaurl']), {
    exitCode: 2,
    calls: [],
    stderr: /^berth: --upstream: "notaurl" is neither [^\n]*\n$/,
  });
  t.match(await run(['--upstream', 'ghcr.io', '--token-host', 'http://y', '--redirect-host', '*']), {
    exitCode: 2,
    stderr: /^berth: --token-host: "http:\/\/y" [^\n]*\nberth: --redirect-host: "\*" [^\n]*\n$/,
  });
});

t.test('a start that fails is one line, exit code 1', async (t) => {
  const file = join(t.testdir({}), 'berth.yaml');
  writeFileSync(file, JSON.stringify(configFile({}, { ticket: { keyFile: 'ticket.keys' } })));
  const missing = await run(['--config', file]);
  t.match(missing, {
    exitCode: 1,
    calls: [],
    stderr: /^berth: .* make it with "berth ticket-key generate"[^\n]*\n$/,
  });

  const taken = Object.assign(new Error('listen'), { code: 'EADDRINUSE', address: '127.0.0.1', port: 5000 });
  const result = await run(['--upstream', 'ghcr.io'], { start: () => Promise.reject(taken) });
  t.match(result, { exitCode: 1, events: ['stop'] });
  t.equal(
    result.stderr,
    'berth: 127.0.0.1:5000 is taken by another process: stop it, or choose another port\n',
  );

  const bad = await run(
    ['--upstream', 'ghcr.io'],
    {},
    { createApp: () => Promise.reject(new Error('bad certificate')) },
  );
  t.match(bad, { exitCode: 1, stderr: 'berth: bad certificate\n' });
});

t.test('problems of the configuration go to standard error', async (t) => {
  const file = join(t.testdir({ 'berth.yaml': 'workers: 0\n' }), 'berth.yaml');
  const { exitCode, stderr, calls } = await run(['--config', file]);
  t.equal(exitCode, 1);
  t.same(calls, []);
  t.match(stderr.trimEnd().split('\n'), [/:1:1: listeners: /, /:1:1: registries: /, /:1:10: workers: /]);
});

t.test('SIGHUP and changed files: the sources are read anew', async (t) => {
  const directory = t.testdir({});
  const file = join(directory, 'berth.yaml');
  const keyFile = join(directory, 'ticket.keys');
  const write = (level: string) =>
    writeFileSync(
      file,
      JSON.stringify(configFile({}, { log: { level }, ticket: { keyFile: 'ticket.keys' } })),
    );
  write('info');
  writeFileSync(keyFile, formatTicketKeys(generateTicketKeys()), { mode: 0o600 });
  const stop = new AbortController();
  const signalled = Promise.withResolvers<() => void>();
  const taken: Call[] = [];
  const reloaded = Promise.withResolvers<void>();
  const failures: unknown[] = [];
  const running = run(
    ['--config', file],
    {
      async reload(sources) {
        try {
          const config = await sources.config();
          taken.push({ config, ticketKeys: await sources.ticketKeys(config) });
        } catch (error) {
          failures.push(error);
        }
        reloaded.resolve();
      },
    },
    { stopSignal: () => stop.signal, onReloadSignal: signalled.resolve },
  );
  const signal = await signalled.promise;
  const keys = generateTicketKeys();
  write('debug');
  writeFileSync(keyFile, formatTicketKeys(keys), { mode: 0o600 });
  signal();
  await reloaded.promise;
  t.equal(taken[0]?.config.log.level, 'debug');
  t.equal(taken[0]?.ticketKeys.seal.id, keys.seal.id);
  write('loud');
  signal();
  const deadline = Date.now() + 5000;
  while (failures.length === 0) {
    if (Date.now() > deadline) throw new Error('the mistake is not met within 5 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.match(failures, [{ message: /berth\.yaml:1:\d+: .*level/ }]);
  stop.abort();
  t.equal((await running).exitCode, 0);
});

t.test('by flags there is nothing to take up: a hangup ends it, drained', async (t) => {
  const { exitCode, events } = await run(
    ['--upstream', 'ghcr.io'],
    {},
    { stopSignal: () => new AbortController().signal, onReloadSignal: (act) => act() },
  );
  t.equal(exitCode, 0);
  t.same(events, ['start', 'stop']);
});

t.test('--workers stands in place of what the configuration says', async (t) => {
  const byFlags = await run(
    ['--upstream', 'ghcr.io', '--workers', '2'],
    {},
    { stopSignal: () => AbortSignal.abort() },
  );
  t.match(byFlags, { exitCode: 0, calls: [{ config: { workers: 2 } }] });
  const directory = t.testdir({});
  const file = join(directory, 'berth.yaml');
  writeFileSync(file, JSON.stringify(configFile({}, { workers: 3, ticket: { keyFile: 'ticket.keys' } })));
  writeFileSync(join(directory, 'ticket.keys'), formatTicketKeys(generateTicketKeys()), { mode: 0o600 });
  const stopped = { stopSignal: () => AbortSignal.abort() };
  t.match(await run(['--config', file], {}, stopped), { calls: [{ config: { workers: 3 } }] });
  t.match(await run(['--config', file, '--workers', 'auto'], {}, stopped), {
    calls: [{ config: { workers: 'auto' } }],
  });
  t.match(await run(['--config', file, '--workers', 'many']), { exitCode: 2, stderr: /1 to 64, or auto/ });
});
