import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { basicAuthorization, createCredentialsSource } from '../../src/upstream/credentials.ts';
import { failureOf } from './servers.ts';

/** A helper in JavaScript: `body` sees `input`, `args`, and prints its answer. */
async function helper(t: Test, body: string, timeoutSeconds = 10, now?: () => number) {
  const directory = t.testdir({});
  const script = join(directory, 'helper.mjs');
  await writeFile(
    script,
    `import { appendFileSync, readFileSync } from 'node:fs';
     appendFileSync(${JSON.stringify(join(directory, 'calls'))}, '.');
     const args = process.argv.slice(2);
     const input = readFileSync(0, 'utf8');
     ${body}`,
  );
  const command = [process.execPath, script, '--flag'];
  const source = createCredentialsSource(
    { kind: 'exec', command, timeoutSeconds },
    'contoso.azurecr.io',
    now,
  );
  const calls = async (): Promise<number> => {
    const { readFile } = await import('node:fs/promises');
    return (await readFile(join(directory, 'calls'), 'utf8')).length;
  };
  return { source, calls };
}

t.test('a file is read each time, its first line only', async (t) => {
  const file = join(t.testdir({}), 'credentials');
  const source = createCredentialsSource({ kind: 'file', file }, 'h.example');
  await writeFile(file, 'user:pa:ss\r\nignored');
  t.same(await source.get(), { username: 'user', password: 'pa:ss' });
  await writeFile(file, 'user:next');
  t.same(await source.get(), { username: 'user', password: 'next' });
  for (const text of ['', 'secret', ':secret', 'secret:', '\nsecret:secret']) {
    await writeFile(file, text);
    const failure = await failureOf(source.get());
    t.match(
      failure,
      { message: /credentials: its first line must be username:password$/ },
      JSON.stringify(text),
    );
  }
  t.match(await failureOf(createCredentialsSource({ kind: 'file', file: '/nonexistent' }, 'h').get()), {
    message: 'upstream.auth.file /nonexistent can not be read (ENOENT)',
  });
});

t.test('a helper gets the host and is asked again only when needed', async (t) => {
  let now = 0;
  const { source, calls } = await helper(
    t,
    `console.log(JSON.stringify({ ServerURL: '', Username: args.join(' '), Secret: input }));`,
    10,
    () => now,
  );
  const expected = { username: '--flag get', password: 'contoso.azurecr.io\n' };
  t.same(await Promise.all([source.get(), source.get()]), [expected, expected]);
  t.equal(await calls(), 1);
  now = 5 * 60_000;
  await source.get();
  t.equal(await calls(), 2);
  source.refresh();
  await source.get();
  t.equal(await calls(), 3);
});

t.test('helpers that fail, and none of their output in the message', async (t) => {
  const rows: [string, string, RegExp, number?][] = [
    ['status', `console.log('secret'); console.error('secret'); process.exit(3);`, /ended with status 3$/],
    ['not JSON', `console.log('secret');`, /must be JSON with Username and Secret$/],
    ['no secret', `console.log('{"Username":"secret"}');`, /must be JSON/],
    ['endless', `for (;;) process.stdout.write('secret'.repeat(1000));`, /printed more than 65536 bytes$/],
    ['hanging', `setInterval(() => {}, 1000);`, /did not answer within 300 ms$/, 0.3],
  ];
  for (const [name, body, message, timeoutSeconds] of rows) {
    const { source } = await helper(t, body, timeoutSeconds);
    const failure = await failureOf(source.get());
    t.match(failure, { message }, name);
    t.notMatch(String(failure), /secret/, name);
  }
  const missing = createCredentialsSource(
    { kind: 'exec', command: ['/nonexistent'], timeoutSeconds: 5 },
    'h',
  );
  t.match(await failureOf(missing.get()), {
    message: 'upstream.auth.exec /nonexistent can not be run (ENOENT)',
  });
});

t.test('Basic', async (t) => {
  t.equal(
    basicAuthorization({ username: 'a', password: 'p:\u00e4' }),
    `Basic ${Buffer.from('a:p:\u00e4').toString('base64')}`,
  );
});
