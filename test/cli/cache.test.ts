import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { pino } from 'pino';
import t, { type Test } from 'tap';

import { createControl } from '../../src/admin/control.ts';
import type { BlobStore } from '../../src/cache/blob-store.ts';
import { storeLayout } from '../../src/cache/store-layout.ts';
import { createCacheCommand } from '../../src/cli/cache.ts';
import { createMigration } from '../../src/endpoints/migration.ts';
import { openSettings } from '../../src/endpoints/settings.ts';
import { shortDirectory } from '../flow/switchable.ts';
import { testDeps } from '../support/cli-deps.ts';
import { configFile, loadedRegistry } from '../support/config-file.ts';
import { publishContent, randomContent } from '../support/contract/blob-store.ts';
import { openTestStore } from '../support/disk-store.ts';
import { testDirectory } from '../support/test-directory.ts';

type Ran = { error: string | undefined; stdout: string; stderr: string };

async function run(
  args: readonly string[],
  env: Record<string, string> = {},
  columns?: number,
): Promise<Ran> {
  const { deps, output } = testDeps({ env, progressColumns: columns });
  const cache = createCacheCommand(deps);
  for (const command of [cache, ...cache.commands]) {
    command.exitOverride().configureOutput({ writeErr: (text) => deps.stderr(text) });
  }
  const program = new Command('berth').addCommand(cache).exitOverride();
  try {
    await program.parseAsync(['cache', ...args], { from: 'user' });
    return { error: undefined, ...output };
  } catch (error) {
    return { error: error instanceof Error ? error.message : 'unknown', ...output };
  }
}

const contents = [randomContent(1000), randomContent(2000), randomContent(3000)] as const;
const [first, second, third] = contents;

async function filled(t: Test): Promise<{ directory: string; store: BlobStore }> {
  const { directory, store } = await openTestStore(t);
  for (const content of contents) await publishContent(store, content);
  return { directory, store };
}

/** A Berth that runs, as far as commands see it. */
async function running(t: Test, cache: BlobStore | undefined): Promise<Record<string, string>> {
  const directory = shortDirectory(t);
  const socket = join(directory, 'admin.sock');
  const config = join(directory, 'berth.yaml');
  writeFileSync(config, JSON.stringify(configFile({}, { stateDirectory: directory, admin: { socket } })));
  const registry = loadedRegistry();
  const log = pino({ level: 'silent' });
  const control = createControl(socket, {
    registries: () => [registry],
    settings: await openSettings({
      directory,
      registries: [registry],
      inRollout: () => true,
      log,
      onState: () => {},
      now: Date.now,
    }),
    migration: createMigration({ now: Date.now }),
    ...(cache !== undefined && { cache }),
    log,
    now: Date.now,
  });
  await control.listen();
  t.teardown(() => control.close());
  return { BERTH_CONFIG: config };
}

t.test('a directory that nobody uses', async (t) => {
  const { directory, store } = await filled(t);
  const place = ['--directory', directory];
  t.match((await run(['ls', ...place])).error, /in use by another process/);
  await store.close();

  const listed = await run(['ls', ...place]);
  t.match(listed, { error: undefined, stdout: /DIGEST +SIZE +LAST USED/ });
  t.match(listed.stdout, /\n3 blobs \(5\.9 KiB\), 0 partial \(0 B\)\n/);
  const document: unknown = JSON.parse((await run(['ls', ...place, '-o', 'json'])).stdout);
  t.match(document, { usage: { entries: 3 }, blobs: [{ bytes: Number, lastUsed: /^2.*Z$/ }, {}, {}] });

  t.match(await run(['verify', ...place]), {
    error: undefined,
    stdout: /^3 of 3 blobs are what/,
    stderr: '',
  });
  writeFileSync(storeLayout(directory).blob(second.digest), Buffer.alloc(2000));
  const verified = await run(['verify', ...place], {}, 80);
  t.match(verified.error, /1 blobs were damaged/);
  t.match(verified.stdout, `${second.digest} was damaged, and is removed\n2 of 3`);
  t.match(verified.stderr, /3 blobs .*0 % .* of 5\.9 KiB/, 'a bar, on a terminal');
  t.match((await run(['verify', second.digest, ...place])).error, `not in the cache: ${second.digest}`);
  t.match(await run(['verify', third.digest, ...place]), { error: undefined, stdout: /^1 of 1/ });

  const lost = randomContent(4000);
  const cut = randomContent(5000);
  const again = await openTestStore(t, { directory });
  await publishContent(again.store, lost);
  await publishContent(again.store, cut);
  await again.store.close();
  truncateSync(storeLayout(directory).blob(cut.digest), 100);
  t.match(await run(['verify', cut.digest, ...place]), {
    error: /1 blobs were damaged/,
    stdout: `${cut.digest} was damaged, and is removed\n0 of 1`,
  });

  t.match(await run(['rm', lost.digest, first.digest, ...place]), {
    error: undefined,
    stdout: `${first.digest} removed\n`,
  });
  t.match((await run(['rm', first.digest, ...place])).error, '1 of 1 were not removed');
  t.match(await run(['gc', ...place]), { stdout: '0 B freed; 1 blobs (2.9 KiB) are left\n' });
  t.match(await run(['gc', '--max-bytes', '1kB', ...place]), {
    stdout: '2.9 KiB freed; 0 blobs (0 B) are left\n',
  });
});

t.test('the cache of a running Berth', async (t) => {
  const { store } = await filled(t);
  const env = await running(t, store);
  t.match((await run(['ls'], env)).stdout, '3 blobs (5.9 KiB)');
  t.match(await run(['verify'], env), { error: undefined, stdout: /^3 of 3/ });
  const reader = await store.open(first.digest);
  t.match(await run(['rm', first.digest, second.digest], env), {
    error: '1 of 2 were not removed',
    stdout: `${first.digest} in_use\n${second.digest} removed\n`,
  });
  reader?.close();
  t.match(await run(['gc'], env), { error: undefined, stdout: '0 B freed; 2 blobs (3.9 KiB) are left\n' });
  t.match((await run(['gc', '--max-bytes', '1GiB'], env)).error, /only works with --directory/);
});

t.test('a directory in use whose Berth can not be asked: why not is said first', async (t) => {
  const { directory } = await filled(t);
  const config = join(shortDirectory(t), 'berth.yaml');
  writeFileSync(config, JSON.stringify(configFile({}, { cache: { directory } })));
  t.match(
    (await run(['ls'], { BERTH_CONFIG: config })).error,
    /^the configuration has no control socket: add "admin: [^"]*" and restart Berth; meanwhile the cache directory \S+ is in use by another process/,
  );
});

t.test('where there is none, that is said with what to do', async (t) => {
  t.match(
    (await run(['ls'], await running(t, undefined))).error,
    /its configuration has no cache\.directory/,
  );
  t.match((await run(['ls', '--directory', testDirectory(t)])).error, /is no cache directory .*ENOENT/);
  const config = join(testDirectory(t), 'berth.yaml');
  writeFileSync(config, JSON.stringify(configFile({}, {})));
  t.match((await run(['ls', '--config', config])).error, /no control socket.*--directory/);
  t.match((await run(['ls', '--config', config, '--directory', 'x'])).error, /not both/);
  t.match((await run(['rm', 'sha256:1', '--directory', 'x'])).error, /must be a digest/);
  t.match((await run(['gc', '--max-bytes', '1 parsec', '--directory', 'x'])).error, /must be a size/);
});
