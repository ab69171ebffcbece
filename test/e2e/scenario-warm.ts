import { open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DISK_CACHE } from '../support/disk-cache.ts';
import type { TestImage } from '../support/image.ts';
import type { Berth } from './berth.ts';
import { openStorageLog } from './blob-path/storage-log.ts';
import { berthFiles } from './client-config.ts';
import { skopeo } from './clients/skopeo.ts';
import { CommandFailed, type Output } from './process.ts';
import { expect, expectEqual } from './report.ts';
import { USERS } from './token-service.ts';
import { type World, withClientSetup } from './world.ts';

/** `berth warm` and `berth cache` against the Berth that runs, as an operator uses them. */
export async function warmScenario(world: World, berth: Berth): Promise<void> {
  if (!DISK_CACHE) return;
  const { report } = world;
  const { loginServer } = await berth.endpoints('contoso');
  const name = `${loginServer}/public/warm:1`;
  await report.check('warm: one platform, then all; a client then costs storage nothing', () =>
    warmCase(world, berth, name),
  );
  await report.check('warm: a private image with credentials, and not without', () =>
    privateCase(world, berth, loginServer),
  );
  await report.check('cache: ls, verify, rm and gc of the Berth that runs', () =>
    cacheCase(world, berth, name),
  );
  await report.check('cache: a blob that was changed on disk is found, and fetched again', () =>
    tamperedCase(world, berth, name),
  );
}

/** The output also where the command fails. */
async function attempt(berth: Berth, args: readonly string[]): Promise<Output> {
  try {
    return await berth.command(args);
  } catch (error) {
    if (error instanceof CommandFailed) return error.output;
    throw error;
  }
}

const warm = (world: World, berth: Berth, ...args: string[]) =>
  attempt(berth, ['warm', ...args, '--ca', world.authority.caFile, '-o', 'json']);

async function warmCase(world: World, berth: Berth, name: string): Promise<string> {
  const image = world.images.warm;
  const log = await openStorageLog(world);
  const one = await warm(world, berth, name, '--platform', 'linux/arm64');
  expectEqual(one.code, 0, `exit code; ${one.stderr}`);
  const part = await log.readsOf(image);
  expect(part.bytes > 0 && part.bytes < part.imageBytes, 'one platform is less than the image');
  const all = await warm(world, berth, name, '--platform', 'all');
  expectEqual(all.code, 0, `exit code; ${all.stderr}`);
  const cold = await log.readsOf(image);
  expect(cold.bytes <= cold.imageBytes * 1.01, `storage sent ${cold.bytes} of ${cold.imageBytes} bytes`);

  const warmed = await openStorageLog(world);
  await pull(world, berth, image);
  expectEqual((await warmed.readsOf(image)).requests, 0, 'answers of storage to the client');
  return `${cold.imageBytes} bytes warmed`;
}

async function pull(world: World, berth: Berth, image: TestImage): Promise<void> {
  const { loginServer } = await berth.endpoints('contoso');
  const files = await berthFiles(berth, skopeo.configuration, 'contoso', world.authority.caFile);
  const target = { registry: loginServer, repository: 'public/warm', tag: '1', image };
  await withClientSetup(world, 'skopeo', files, (setup) => skopeo.pull(setup, target));
}

async function privateCase(world: World, berth: Berth, loginServer: string): Promise<undefined> {
  const name = `${loginServer}/alice/secret:1`;
  const credentials = join(world.directory, 'warm-credentials');
  await writeFile(credentials, `alice:${USERS.alice}\n`, { mode: 0o600 });
  const without = await warm(world, berth, name, '--platform', 'all');
  expectEqual(without.code, 1, 'exit code without credentials');
  const given = await warm(world, berth, name, '--platform', 'all', '--credentials', credentials);
  expectEqual(given.code, 0, `exit code with credentials; ${given.stderr}`);
  const others = `${loginServer}/bob/secret:1`;
  const refused = await warm(world, berth, others, '--platform', 'all', '--credentials', credentials);
  expectEqual(refused.code, 1, "exit code for another one's");
  const said = [without, given, refused].map(({ stdout, stderr }) => stdout + stderr).join('');
  expect(!said.includes(USERS.alice), 'the password is printed nowhere');
  return undefined;
}

type Listed = { readonly blobs: readonly { readonly digest: string; readonly bytes: number }[] };

async function listed(berth: Berth): Promise<Map<string, number>> {
  const { stdout } = await berth.command(['cache', 'ls', '-o', 'json']);
  const { blobs }: Listed = JSON.parse(stdout);
  return new Map(blobs.map(({ digest, bytes }) => [digest, bytes]));
}

async function cacheCase(world: World, berth: Berth, name: string): Promise<undefined> {
  const image = world.images.warm;
  const kept = await listed(berth);
  for (const { digest, bytes } of image.blobs)
    expectEqual(kept.get(digest), bytes.length, `length of ${digest}`);
  const digests = image.blobs.map(({ digest }) => digest);
  const verified = await attempt(berth, ['cache', 'verify', ...digests]);
  expectEqual(verified.code, 0, `exit code of verify; ${verified.stderr}`);
  const [first = ''] = digests;
  expectEqual((await attempt(berth, ['cache', 'rm', first])).code, 0, 'exit code of rm');
  expectEqual((await attempt(berth, ['cache', 'rm', first])).code, 1, 'exit code of rm of what is gone');
  expect(!(await listed(berth)).has(first), 'it is gone');
  expectEqual((await attempt(berth, ['cache', 'gc'])).code, 0, 'exit code of gc');
  const again = await warm(world, berth, name, '--platform', 'all');
  expectEqual(again.code, 0, `exit code; ${again.stderr}`);
  expect((await listed(berth)).has(first), 'it is there again');
  const directory = await attempt(berth, ['cache', 'ls', '--directory', join(world.directory, 'cache')]);
  expectEqual(directory.code, 2, 'exit code of --config and --directory at once');
  return undefined;
}

async function tamperedCase(world: World, berth: Berth, name: string): Promise<undefined> {
  const image = world.images.warm;
  const [largest] = image.blobs.toSorted((a, b) => b.bytes.length - a.bytes.length);
  if (largest === undefined) throw new Error('an image without blobs');
  const hex = largest.digest.replace('sha256:', '');
  const shard = join(world.directory, 'cache/v1/blobs/sha256', hex.slice(0, 2));
  expect((await readdir(shard)).includes(hex), `${hex} is in its directory`);
  const file = await open(join(shard, hex), 'r+');
  await file.write(Buffer.from([(largest.bytes[1000] ?? 0) ^ 1]), 0, 1, 1000);
  await file.close();
  const verified = await attempt(berth, ['cache', 'verify', largest.digest]);
  expectEqual(verified.code, 1, 'exit code of verify');
  expect(verified.stdout.includes(`${largest.digest} was damaged, and is removed`), verified.stdout);
  const again = await warm(world, berth, name, '--platform', 'all');
  expectEqual(again.code, 0, `exit code; ${again.stderr}`);
  await pull(world, berth, image);
  return undefined;
}
