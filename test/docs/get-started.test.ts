import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { refusedPort } from '../support/broken-upstream.ts';
import { startFixtureRegistry } from '../support/fixture-registry.ts';
import { buildImage } from '../support/image.ts';
import { testDirectory } from '../support/test-directory.ts';
import { ROOT } from './documents.ts';
import { getStartedScript } from './get-started-script.ts';
import { RUN_ELSEWHERE } from './run-elsewhere.ts';

// docs/get-started.md, word by word and in order, with a registry of this test in the place of Docker Hub. What needs a
// docker or the machine's own files is left to test/e2e/scenario-get-started.ts, which leaves out nothing.

t.test('docs/get-started.md leads from nothing to a pull, step by step', async (t) => {
  const registry = await startFixtureRegistry({ blobs: { kind: 'serve', ranges: 'all' } });
  t.teardown(() => registry.close());
  const image = buildImage({ seed: 'first', layerSizes: [90_000, 10] });
  registry.store.putImage('library/alpine', image, '3.22');
  const [flagPort, port, metricsPort] = [await refusedPort(), await refusedPort(), await refusedPort()];
  const script = getStartedScript({
    before: [],
    berth: `"${process.execPath}" "${join(ROOT, 'src/main.ts')}"`,
    flags: `--upstream ${registry.url} --allow-private 127.0.0.0/8`,
    fields: `upstream: { url: "${registry.url}", allowedPrivateAddresses: [127.0.0.0/8] }`,
    isRun: (command) => RUN_ELSEWHERE[command] === undefined,
    change: (command) =>
      command
        .replace(/(--port |localhost:)5000/g, `$1${flagPort}`)
        .replaceAll('8443', String(port))
        .replaceAll('9464', String(metricsPort)),
  });
  t.equal(script.match(/ serve\b.* > serve\.log/g)?.length, 2, 'two servers are started');
  const directory = testDirectory(t);
  writeFileSync(join(directory, 'script'), script);
  const child = spawn('bash', ['script'], {
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
