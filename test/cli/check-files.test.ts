import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runCli } from '../../src/cli/create-program.ts';
import { createTestAuthority } from '../support/ca.ts';
import { testDeps } from '../support/cli-deps.ts';
import { configFile } from '../support/config-file.ts';

const NAMES = [
  'contoso.registry.example',
  'contoso.eastus.data.registry.example',
  'contoso.westus.data.registry.example',
] as const;

async function run(args: readonly string[]) {
  const { deps, output } = testDeps();
  return { exitCode: await runCli(args, deps), ...output };
}

/** A configuration, a field a line so that places can be told apart, and the files that it may name. */
async function scene(t: Test) {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const all = await authority.issue([...NAMES]);
  const one = await authority.issue([NAMES[0]]);
  const { directory } = authority;
  await run(['ticket-key', 'generate', '--file', join(directory, 'ticket.keys')]);
  const file = join(directory, 'berth.yaml');
  const check = async (tls: unknown, registry: Record<string, unknown> = {}, top = {}) => {
    const whole = configFile(registry, {
      ticket: { keyFile: 'ticket.keys' },
      ...top,
      listeners: [{ port: 443, ...(tls === undefined ? {} : { tls }) }],
    });
    writeFileSync(file, JSON.stringify(whole, null, 1));
    const { exitCode, stdout, stderr } = await run(['check', '--files', file]);
    t.equal(stderr, '');
    return { exitCode, lines: stdout.trimEnd().split('\n'), file };
  };
  const pair = ({ certFile: cert, keyFile: key }: typeof all) => ({ cert, key });
  return { directory, authority, check, pair, all, one };
}

t.test('files that are as they should be', async (t) => {
  const { check, pair, all, authority } = await scene(t);
  const tls = { certificates: [pair(all)], clientCaFile: authority.caFile };
  const { exitCode, lines, file } = await check(tls, {
    upstream: { url: 'https://contoso.azurecr.io', caFile: authority.caFile },
  });
  t.same(lines, [`${file}: ok, 1 registry, and the files that it names`]);
  t.equal(exitCode, 0);
  t.equal((await check(undefined)).exitCode, 0, 'TLS ends somewhere else');
});

t.test('each file that could not be used is a line with its place, all at once', async (t) => {
  const { check, pair, all, one, directory } = await scene(t);
  const path = (name: string, content = 'nothing of use\n') => {
    writeFileSync(join(directory, name), content, { mode: 0o600 });
    return join(directory, name);
  };
  chmodSync(path('open.keys'), 0o644);
  const { exitCode, lines, file } = await check(
    {
      certificates: [
        { cert: join(directory, 'none.crt'), key: all.keyFile },
        { cert: one.certFile, key: all.keyFile },
        { cert: all.certFile, key: path('no.key') },
        pair(all),
      ],
      clientCaFile: path('clients.pem'),
    },
    {
      upstream: {
        url: 'https://contoso.azurecr.io',
        caFile: path('ca.pem'),
        auth: { file: path('credentials') },
      },
      clients: { htpasswd: { file: path('htpasswd', 'me:{SHA}x\n') } },
    },
    {
      ticket: { keyFile: 'open.keys' },
      state: {
        url: 'rediss://redis.internal:6379',
        passwordFile: join(directory, 'none.password'),
        caFile: join(directory, 'none.pem'),
      },
      cache: {
        directory: 'cache',
        store: {
          kind: 'azure-blob',
          url: 'https://contoso.blob.core.windows.net/blobs',
          credentialsFile: join(directory, 'none.credentials'),
        },
      },
    },
  );
  t.equal(exitCode, 1);
  const fields = lines.map((line) => {
    t.ok(line.startsWith(`${file}:`), line);
    const [, number = '', field = ''] = /^:(\d+):\d+: (\S+): /.exec(line.slice(file.length)) ?? [];
    t.not(number, '0', line);
    return field;
  });
  t.same(fields.toSorted(), [
    'cache.store.credentialsFile',
    'listeners[0].tls.certificates[0]',
    'listeners[0].tls.certificates[1]',
    'listeners[0].tls.certificates[2]',
    'listeners[0].tls.clientCaFile',
    'registries[0].clients.htpasswd.file',
    'registries[0].upstream.auth.file',
    'registries[0].upstream.caFile',
    'state.caFile',
    'state.passwordFile',
    'ticket.keyFile',
  ]);
  t.match(lines.join('\n'), /open\.keys has mode 0644.*chmod 600/);
  t.match(lines.join('\n'), /does not belong to the certificate/);
});

t.test('names that no certificate covers', async (t) => {
  const { check, pair, one } = await scene(t);
  const { exitCode, lines, file } = await check({ certificates: [pair(one)] });
  t.equal(exitCode, 1);
  t.equal(lines.length, 1);
  t.match(lines[0], `${file}:`);
  t.match(lines[0], /listeners: no certificate covers contoso\.eastus\..*, contoso\.westus\..*; add one/);
});

t.test('as a list, too; and what is wrong with the configuration itself comes first', async (t) => {
  const { check, directory } = await scene(t);
  const { file } = await check(undefined, {}, { ticket: { keyFile: 'none.keys' } });
  const { exitCode, stdout } = await run(['check', '--files', file, '-o', 'json']);
  t.equal(exitCode, 1);
  t.match(JSON.parse(stdout), [{ path: 'ticket.keyFile', message: /does not exist/ }]);
  const wrong = join(directory, 'wrong.yaml');
  writeFileSync(wrong, 'workers: 0\n');
  const result = await run(['check', '--files', wrong]);
  t.match(result.stdout, /workers: 0 is out of range/);
  t.notMatch(result.stdout, /keyFile/);
});

t.test('the file may be named as all other commands have it named', async (t) => {
  const { check } = await scene(t);
  const { file } = await check(undefined);
  t.match(await run(['check', '--config', file]), { exitCode: 0, stdout: `${file}: ok, 1 registry\n` });
  t.match(await run(['check', '--config', file, file]), { exitCode: 2, stderr: /not both/ });
});
