import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runCli } from '../../../src/cli/create-program.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { startBerth } from '../../support/berth.ts';
import { refusedPort } from '../../support/broken-upstream.ts';
import { createTestAuthority } from '../../support/ca.ts';
import { testDeps } from '../../support/cli-deps.ts';
import { startFixtureRegistry } from '../../support/fixture-registry.ts';
import { buildImage } from '../../support/image.ts';
import { createLookup } from './names.ts';

const image = buildImage({ seed: 'health', layerSizes: [90_000, 10] });
const REPOSITORY = 'team/app';

/** A whole Berth in front of a registry, on ports that its configuration names, and the command on its machine. */
async function openHealth(t: Test, registryFields: Record<string, unknown> = {}) {
  const authority = await createTestAuthority();
  const upstream = await startFixtureRegistry({ blobs: { kind: 'serve', ranges: 'all' } });
  upstream.store.putImage(REPOSITORY, image, '1');
  const [port, metricsPort] = [await refusedPort(), await refusedPort()];
  const { certFile: cert, keyFile: key } = await authority.issue([
    'contoso.registry.example',
    'contoso.eastus.data.registry.example',
    'contoso.westus.data.registry.example',
  ]);
  const file = {
    listeners: [{ address: '127.0.0.1', port, tls: { certificates: [{ cert, key }] } }],
    metrics: { address: '127.0.0.1', port: metricsPort },
    registries: [
      {
        name: 'contoso',
        loginServer: `contoso.registry.example:${port}`,
        upstream: { url: upstream.url, allowedPrivateAddresses: ['127.0.0.0/8'] },
        dataEndpoint: `{registry}.{region}.data.registry.example:${port}`,
        redirectHosts: ['*.blob.core.windows.net'],
        regions: [{ name: 'eastus' }],
        ...registryFields,
      },
    ],
  };
  const config = join(t.testdir({}), 'berth.yaml');
  writeFileSync(config, JSON.stringify(file));
  const loaded = loadConfig({ text: JSON.stringify(file), fileName: config, env: {} });
  if (loaded.kind !== 'ok') throw new Error(JSON.stringify(loaded.problems));
  const { listeners, metrics, registries } = loaded.config;
  const berth = await startBerth({ authority, registries, config: { listeners, metrics } });
  t.teardown(async () => {
    await berth.close();
    await upstream.close();
    await authority.remove();
  });
  const names = createLookup();
  const run = async (...args: string[]) => {
    const { deps, output } = testDeps({ resolveHost: names.resolve });
    const exitCode = await runCli(['check-health', '--ca', authority.caFile, ...args], deps);
    return { exitCode, ...output, lines: output.stdout.trimEnd().split('\n') };
  };
  return { port, config, berth, upstream, names, run, file };
}

t.test('all is well: on the machine of Berth, with an image', async (t) => {
  const { run, config, port } = await openHealth(t);
  const result = await run('--config', config, '--image', `${REPOSITORY}:1`);
  t.match(result, { exitCode: 0, stderr: '' });
  t.notMatch(result.stdout, /^(warn|fail)/m);
  for (const line of [
    /^STATE +CHECK +TARGET +DETAIL$/,
    /^ok +ready +127\.0\.0\.1:\d+ +Berth takes requests$/,
    /^ok +names +contoso\.eastus\.data\.registry\.example:\d+ +is not below a login server$/,
    /^ok +dns +contoso\.registry\.example +127\.0\.0\.1$/,
    /^ok +certificate +contoso\.registry\.example +covers the name, 36\d days left, issued by "Berth test authority"$/,
    /^ok +login-server +contoso\.registry\.example:\d+ +GET \/v2\/ is answered without credentials$/,
    /^ok +clock +contoso\.registry\.example:\d+ +differs by \d+ s at most$/,
    /^ok +data-endpoint +contoso\.eastus\.data\.registry\.example:\d+ +answers, and wants a ticket, as it should$/,
    /^ok +upstream +127\.0\.0\.1:\d+ +answers GET \/v2\/ with 200$/,
    /^ok +manifest +team\/app:1 +sha256:\w{64} from contoso\.registry\.example:\d+$/,
    /^ok +blob +team\/app:1 +first byte of sha256:\w{12} by contoso\.registry\.example:\d+/,
  ]) {
    t.ok(
      result.lines.some((text) => line.test(text)),
      String(line),
    );
  }
  const client = ['--login-server', `contoso.registry.example:${port}`];
  const endpoint = ['--data-endpoint', `contoso.eastus.data.registry.example:${port}`];
  t.match(
    await run(...client, ...endpoint),
    { exitCode: 0, stderr: '' },
    'from a client, without a configuration',
  );
});

t.test('every form of output', async (t) => {
  const { run, config } = await openHealth(t);
  const json = await run('--config', config, '-o', 'json');
  const findings: unknown[] = JSON.parse(json.stdout);
  t.match(findings[0], { state: 'ok', check: 'ready', detail: 'Berth takes requests', advice: null });
  const tsv = await run('--config', config, '-o', 'tsv');
  t.match(tsv.stdout, /^ok\tready\t127\.0\.0\.1:\d+\tBerth takes requests\n/);
  t.match((await run('--config', config, '-o', 'yaml')).stdout, /^- state: ok\n {2}check: ready\n/);
});

t.test('a host that Berth does not know, and an image that there is not', async (t) => {
  const { run, port } = await openHealth(t);
  const other = await run('--login-server', `contoso.eastus.data.registry.example:${port}`);
  t.match(other.stdout, /^fail +login-server .* this is a data endpoint/m);
  const missing = await run('--login-server', `contoso.registry.example:${port}`, '--image', 'team/none:1');
  t.match(missing, { exitCode: 1, stdout: /^fail +manifest +team\/none:1 +.* was answered 404/m });
});

t.test('the upstream is in trouble', async (t) => {
  const { run, config, upstream } = await openHealth(t);
  upstream.intercept = ({ response }) => {
    response.writeHead(403, { 'content-type': 'application/json' });
    response.end(
      '{"errors":[{"code":"DENIED","message":"client with IP 192.0.2.7 is not allowed access."}]}',
    );
    return true;
  };
  const result = await run('--config', config);
  t.match(result, {
    exitCode: 1,
    stdout:
      /^fail +upstream +127\.0\.0\.1:\d+ +it refuses this machine: client with IP 192\.0\.2\.7 is not allowed access: let this machine's public address into/m,
  });
  upstream.intercept = ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<h1>Sign in to the network</h1>');
    return true;
  };
  t.match(await run('--config', config), { exitCode: 1, stdout: /^fail +upstream .* is no registry/m });
  upstream.intercept = ({ response }) => {
    response.writeHead(503);
    response.end();
    return true;
  };
  t.match(await run('--config', config), {
    exitCode: 1,
    stdout: /^fail +login-server .* it answers 50\d[^\n]* run this on the machine of Berth/m,
  });
});

t.test('the token service: unreachable, not listed, elsewhere', async (t) => {
  const { run, config, upstream, file } = await openHealth(t);
  const gone = `127.0.0.1:${await refusedPort()}`;
  upstream.intercept = ({ response }) => {
    response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${gone}/token",service="x"` });
    response.end();
    return true;
  };
  t.match(await run('--config', config), {
    exitCode: 1,
    stdout: new RegExp(`^fail +token-service +${gone} .* add ${gone} to upstream\\.tokenHosts`, 'm'),
  });
  const [registry] = file.registries;
  const listed = { ...registry, upstream: { ...registry?.upstream, tokenHosts: [gone] } };
  writeFileSync(config, JSON.stringify({ ...file, registries: [listed] }));
  t.match(await run('--config', config), {
    exitCode: 1,
    stdout: /^fail +connect +127\.0\.0\.1 +127\.0\.0\.1 port \d+ refuses connections/m,
  });
});

t.test('storage that can not be reached, and one that resolves to a private address', async (t) => {
  const gone = await refusedPort();
  const { run, config, names } = await openHealth(t, { redirectHosts: [`store.example:${gone}`] });
  t.match(await run('--config', config), {
    exitCode: 1,
    stdout: /^fail +connect +store\.example .* refuses/m,
  });
  names.set('store.example', ['10.1.2.3']);
  t.match(await run('--config', config, '--timeout', '1'), {
    exitCode: 1,
    stdout:
      /^fail +dns +store\.example:\d+ +10\.1\.2\.3 is not on the public internet.*allowedPrivateAddresses/m,
  });
});

t.test('an upstream of one region that can not be reached', async (t) => {
  const gone = await refusedPort();
  const regions = [{ name: 'eastus' }, { name: 'westus', upstream: { url: `http://127.0.0.1:${gone}` } }];
  const { run, config } = await openHealth(t, { regions });
  t.match(await run('--config', config), {
    exitCode: 1,
    stdout: new RegExp(`^fail +connect +127\\.0\\.0\\.1 +127\\.0\\.0\\.1 port ${gone} refuses`, 'm'),
  });
});

t.test('Berth does not run, or is ending', async (t) => {
  const { run, config, berth } = await openHealth(t);
  await berth.app.stop();
  t.match(await run('--config', config), {
    exitCode: 1,
    stdout:
      /^fail +ready +127\.0\.0\.1:\d+ +no Berth with this configuration answers here \(ECONNREFUSED\): start it/m,
  });
});

t.test('an outbound proxy hides what is behind it', async (t) => {
  const port = await refusedPort();
  const upstream = { url: 'https://contoso.azurecr.io', proxy: `http://127.0.0.1:${port}` };
  const { run, config } = await openHealth(t, { upstream });
  t.match(await run('--config', config), { exitCode: 1, stdout: /^fail +connect +127\.0\.0\.1 .* refuses/m });
});

t.test('wrong usage', async (t) => {
  const { deps, output } = testDeps();
  const run = (...args: string[]) => runCli(['check-health', ...args], deps);
  for (const args of [
    ['--login-server', 'a.example', '--config', 'x'],
    ['--data-endpoint', 'b.example'],
    ['--credentials', 'x'],
    ['--login-server', 'https://a.example/v2/'],
    ['--login-server', 'a.example', '--data-endpoint', 'b/c'],
    ['--login-server', 'a.example', '--image', 'b.example/c:1'],
    ['--login-server', 'a.example', '--image', 'C'],
    ['--login-server', 'a.example', '--timeout', '0'],
  ]) {
    t.equal(await run(...args), 2, args.join(' '));
  }
  t.match(output.stderr, /begins with a host, which --login-server or --name decides/);
});
