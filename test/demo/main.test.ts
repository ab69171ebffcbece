import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import tap from 'tap';
import { runDemo } from './run-demo.ts';
import { createStyle } from './terminal.ts';

await tap.test('the demo shows two hosts and ends by itself', async (t) => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code]: unknown[] = await once(child, 'close');
  t.equal(code, 0, errors);

  const [, past = '', through = '', writes = ''] = output.split(/^ {2}[123]\. /m);
  t.match(past, /contoso\.azurecr\.io +\d+ /);
  t.match(past, /[a-z0-9]+\.blob\.core\.windows\.net +\d+ +[\d.]+ MiB/);
  t.match(past, 'Firewall: contoso.azurecr.io, *.blob.core.windows.net');
  t.match(through, /contoso\.registry\.example +\d+ +[\d.]+ [KM]iB/);
  t.match(through, /contoso\.eastus\.data\.registry\.example +\d+ +[\d.]+ MiB/);
  t.notMatch(through, 'blob.core.windows.net');
  t.match(through, 'every digest verified');
  t.match(writes, '201 Created');
  t.match(writes, 'refused: no rule for this host');
  t.match(writes, '405 from Berth');
  t.match(writes, '421 from Berth');
  t.notMatch(output, '\u001B', 'no colour off a terminal');
  t.notMatch(output, 'sig=', 'no signature is shown');
});

await tap.test('the demo notices content that is not what it claims', async (t) => {
  const style = createStyle({ isTTY: true }, '1');
  let output = '';
  const demo = runDemo({
    write: (text) => (output += text),
    style,
    async sabotage({ azurite, blobPlace, image }) {
      const layer = image.manifests[0]?.layers[1];
      if (layer) await azurite.put(blobPlace(layer.digest), Buffer.alloc(layer.bytes.length));
    },
  });
  await t.rejects(demo, { code: 'pull_failed', message: /whose digest is sha256:/ });
  t.notMatch(output, '\u001B', 'NO_COLOR is honoured on a terminal');
  t.notMatch(output, 'verified');
});
