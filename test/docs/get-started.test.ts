import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { refusedPort } from '../support/broken-upstream.ts';
import { startFixtureRegistry } from '../support/fixture-registry.ts';
import { buildImage } from '../support/image.ts';
import { commandsOf, ROOT, readDocument } from './documents.ts';
import { RUN_ELSEWHERE } from './run-elsewhere.ts';

// docs/get-started.md, word by word and in order, with a registry of this test in the place of Docker Hub. What needs a
// docker or the machine's own files is run by the end-to-end scenarios that RUN_ELSEWHERE names.

const SERVE = /^npx berth serve\b/;

/** The document's commands as one script: a server is left running until the next one is started. */
function scriptOf(commands: readonly string[]): string {
  const berth = `berth() { "${process.execPath}" "${join(ROOT, 'src/main.ts')}" "$@"; }`;
  const stop = 'stop() { if [ -n "$server" ]; then kill -INT "$server"; wait "$server"; server=; fi; }';
  const lines = commands.map((command) =>
    SERVE.test(command)
      ? [
          'stop',
          // A shell has SIGINT ignored in what it starts behind itself; Ctrl-C of a terminal reaches Berth.
          `"${process.execPath}" "${join(ROOT, 'src/main.ts')}" ${command.slice('npx berth '.length)} > serve.log 2>&1 & server=$!`,
          'for turn in $(seq 300); do grep -q \'"msg":"listening"\' serve.log && break; kill -0 "$server"; sleep 0.1; done',
        ].join('\n')
      : command.replace(/^npx /, ''),
  );
  return [berth, stop, 'server=', 'trap stop EXIT', ...lines, 'stop'].join('\n');
}

t.test('docs/get-started.md leads from nothing to a pull, step by step', async (t) => {
  const registry = await startFixtureRegistry({ blobs: { kind: 'serve', ranges: 'all' } });
  t.teardown(() => registry.close());
  const image = buildImage({ seed: 'first', layerSizes: [90_000, 10] });
  registry.store.putImage('library/alpine', image, '3.22');
  const [flagPort, port, metricsPort] = [await refusedPort(), await refusedPort(), await refusedPort()];
  const commands = commandsOf(readDocument('docs/get-started.md'))
    .filter((command) => RUN_ELSEWHERE[command] === undefined)
    .map((command) =>
      command
        .replace(
          '--upstream https://registry-1.docker.io',
          `--upstream ${registry.url} --allow-private 127.0.0.0/8`,
        )
        .replace(
          '{ url: "https://registry-1.docker.io" }',
          `{ url: "${registry.url}", allowedPrivateAddresses: [127.0.0.0/8] }`,
        )
        .replace(/(--port |localhost:)5000/g, `$1${flagPort}`)
        .replaceAll('8443', String(port))
        .replaceAll('9464', String(metricsPort)),
    );
  t.equal(commands.filter((command) => SERVE.test(command)).length, 2, 'two servers are started');
  const directory = t.testdir();
  writeFileSync(join(directory, 'script'), scriptOf(commands));
  const child = spawn('bash', ['-e', '-o', 'pipefail', 'script'], {
    cwd: directory,
    env: { PATH: process.env['PATH'], HOME: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  const [code]: unknown[] = await once(child, 'close');
  t.equal(code, 0, output);
  t.match(output, `hub.here.data.registry.example:${port}`, 'the data endpoint is shown');
  const [layer] = image.manifests[0]?.layers ?? [];
  t.ok(
    registry.requests.some(
      ({ endpoint, target }) => endpoint === 'blob' && target.includes(layer?.digest ?? '-'),
    ),
    'the blobs came from the registry',
  );
});
