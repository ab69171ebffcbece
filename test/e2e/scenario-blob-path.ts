import { DISK_CACHE } from '../support/disk-cache.ts';
import type { TestBlob } from '../support/image.ts';
import type { Berth, RegistryName } from './berth.ts';
import { openCrowd } from './blob-path/crowd.ts';
import { rangeQuestions } from './blob-path/range-questions.ts';
import { askRanges } from './blob-path/ranges-client.ts';
import { openStorageLog, type StorageReads } from './blob-path/storage-log.ts';
import { berthFiles } from './client-config.ts';
import { LAYER_FETCH_BYTES, pullInParallel } from './clients/containerd2.ts';
import { tokenAt } from './private-content.ts';
import { expect, expectEqual } from './report.ts';
import { type World, withClientSetup } from './world.ts';

/** Most that a cold image may cost the upstream, in bytes per byte of it, however many ask at once. */
const MAX_RATIO = 1.01;
/** The same where every request is hung up early. */
const MAX_RATIO_HUNG_UP = 1.05;

/** As announced: an answer that was hung up early counts whole. */
function ratioOf({ bytes, imageBytes }: StorageReads): number {
  return bytes / imageBytes;
}

function describe(reads: StorageReads): string {
  return `storage was asked for ${ratioOf(reads).toFixed(3)} × the blobs in ${reads.requests} answers`;
}

/** What asks for blobs by ranges or all at once; with a disk cache, storage is asked for every byte once. */
export async function blobPathScenario(world: World, berth: Berth): Promise<void> {
  await world.report.check('blob path: containerd 2 fetches layers in parallel', () =>
    parallelCase(world, berth),
  );
  for (const name of ['contoso', 'inline'] as const) {
    await world.report.check(`blob path: several ranges in one request (${name})`, () =>
      rangesCase(world, berth, name),
    );
  }
  const crowd = DISK_CACHE ? 'ten clients at once cost storage the image once' : 'ten clients at once';
  await world.report.check(`blob path: ${crowd}`, () => crowdCase(world, berth));
}

async function parallelCase(world: World, berth: Berth): Promise<string> {
  const { loginServer, dataEndpoints } = await berth.endpoints('contoso');
  const hosts = [loginServer, ...dataEndpoints];
  const files = await berthFiles(berth, 'containerd', 'contoso', world.authority.caFile);
  const image = world.images.big;
  const log = await openStorageLog(world);
  const before = await openRanges(berth);
  const seen = await world.observer.observe(hosts, () =>
    withClientSetup(world, 'containerd2', files, (setup) =>
      pullInParallel(setup, { registry: loginServer, repository: 'public/big', tag: '1', image }),
    ),
  );
  expectEqual(seen, { connected: hosts.toSorted(), refused: [], asked: [] }, 'hosts');
  const pieces = image.blobs.map(({ bytes }) => Math.ceil(bytes.length / LAYER_FETCH_BYTES));
  const wanted = pieces.reduce((sum, count) => sum + count, 0);
  const asked = (await openRanges(berth)) - before;
  expect(asked >= wanted, `${asked} requests with "bytes=N-", want one for each of ${wanted} pieces`);
  const reads = await log.readsOf(image);
  if (DISK_CACHE) expect(ratioOf(reads) <= MAX_RATIO_HUNG_UP, describe(reads));
  return `${asked} requests with "bytes=N-"; ${describe(reads)}`;
}

/** Requests with a Range of the form `bytes=N-` so far. */
async function openRanges(berth: Berth): Promise<number> {
  const found = [
    ...(await berth.metrics()).matchAll(/^berth_range_requests_total\{type="open",.*\} (\d+)$/gm),
  ];
  if (found.length === 0) throw new Error('no metric of open ranges');
  return found.reduce((sum, [, count]) => sum + Number(count), 0);
}

function largestBlob(blobs: readonly TestBlob[]): TestBlob {
  const [largest] = blobs.toSorted((a, b) => b.bytes.length - a.bytes.length);
  if (largest === undefined) throw new Error('a test image without blobs');
  return largest;
}

async function rangesCase(world: World, berth: Berth, name: RegistryName): Promise<string> {
  const { loginServer } = await berth.endpoints(name);
  const repository = 'public/ranged';
  const authorization = await tokenAt(world, loginServer, repository);
  const blob = largestBlob(world.images.ranged.blobs);
  const where = { url: `https://${loginServer}/v2/${repository}/blobs/${blob.digest}`, authorization, blob };
  let parts = 0;
  const questions = rangeQuestions(blob);
  for (const question of questions) parts += await askRanges(world.http, where, question);
  // Once more, all at once.
  await Promise.all(questions.map((question) => askRanges(world.http, where, question)));
  return `${questions.length} questions, ${parts} parts, every byte compared`;
}

async function crowdCase(world: World, berth: Berth): Promise<string> {
  const { loginServer, dataEndpoints } = await berth.endpoints('contoso');
  const hosts = [loginServer, ...dataEndpoints];
  const image = world.images.crowd;
  const target = { registry: loginServer, repository: 'public/crowd', tag: '1', image };
  const crowd = await openCrowd(world, berth, 'contoso');
  const log = await openStorageLog(world);
  try {
    const seen = await world.observer.observe(hosts, () => crowd.pullAll(target));
    // dockerd asks for nothing but Berth, and nobody for anything else.
    expectEqual(seen, { connected: hosts.toSorted(), refused: [], asked: [] }, 'hosts');
  } finally {
    await crowd.end();
  }
  const reads = await log.readsOf(image);
  expect(reads.bytes > 0, 'the log of storage has none of the blobs');
  if (DISK_CACHE) expect(ratioOf(reads) <= MAX_RATIO, `${describe(reads)}, want at most ${MAX_RATIO}`);
  return `${crowd.size} clients; ${describe(reads)}`;
}
