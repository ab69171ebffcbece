import { DISK_CACHE } from '../support/disk-cache.ts';
import type { TestBlob } from '../support/image.ts';
import type { Berth, RegistryName } from './berth.ts';
import { duringOutage } from './blob-path/outage.ts';
import { getRange } from './blob-path/ranges-client.ts';
import { contentPaths, expectRefused, fetchContent, tokenAt, tokenFor } from './private-content.ts';
import { expect, expectEqual } from './report.ts';
import type { World } from './world.ts';

/** Longest body of a refusal, in bytes. */
const MAX_REFUSAL_BYTES = 2000;

/** A private image that is warm, mounted elsewhere, or asked for while the upstream is down, in every delivery. */
export async function leaksScenario(world: World, berth: Berth): Promise<void> {
  const { report } = world;
  for (const name of ['contoso', 'hub', 'inline', 'passthrough'] as const) {
    await report.check(`leaks: ranges of a warm blob are for its owner alone (${name})`, () =>
      rangesCase(world, berth, name),
    );
  }
  for (const name of ['contoso', 'inline', 'passthrough'] as const) {
    await report.check(`leaks: a mount opens one repository and no other (${name})`, () =>
      mountCase(world, berth, name),
    );
  }
  for (const name of ['contoso', 'hub', 'inline', 'passthrough'] as const) {
    await report.check(`leaks: nothing opens while the upstream is down (${name})`, () =>
      outageCase(world, berth, name),
    );
  }
}

function aliceLayer(world: World): TestBlob {
  const [layer] = world.images.alice.manifests[0]?.layers ?? [];
  if (layer === undefined) throw new Error('a test image without layers');
  return layer;
}

async function strangersOf(world: World, loginServer: string): Promise<readonly string[]> {
  return [
    await tokenAt(world, loginServer, 'alice/secret', 'bob'),
    await tokenAt(world, loginServer, 'bob/secret', 'bob'),
    await tokenAt(world, loginServer, 'alice/secret'),
    await tokenAt(world, loginServer, 'public/app'),
  ];
}

async function rangesCase(world: World, berth: Berth, name: RegistryName): Promise<string> {
  const { loginServer } = await berth.endpoints(name);
  const { digest, bytes } = aliceLayer(world);
  const url = `https://${loginServer}/v2/alice/secret/blobs/${digest}`;
  const own = await tokenAt(world, loginServer, 'alice/secret', 'alice');
  const strangers = await strangersOf(world, loginServer);
  const ranges = ['bytes=0-99', 'bytes=1000-', 'bytes=-10', 'bytes=0-0,500-599', 'bytes=99999999-'];
  const refuse = async (range: string) => {
    for (const stranger of strangers) {
      const answer = await getRange(world.http, url, stranger, { range });
      expect([401, 403, 404].includes(answer.status), `${range} of a stranger: ${answer.status}`);
    }
  };
  for (const range of ranges) await refuse(range);
  const whole = await fetchContent(world, url, own);
  expect(whole.body.equals(bytes), `the owner's own blob: ${whole.status}`);
  for (const range of ranges) await refuse(range);
  const part = await getRange(world.http, url, own, { range: 'bytes=1000-1999' });
  expectEqual([part.status, part.body.equals(bytes.subarray(1000, 2000))], [206, true], "the owner's range");
  await Promise.all(ranges.map((range) => refuse(range)));
  return `${ranges.length * 3 * strangers.length} questions of strangers refused`;
}

async function mountCase(world: World, berth: Berth, name: RegistryName): Promise<string> {
  const { loginServer } = await berth.endpoints(name);
  const layer = aliceLayer(world);
  const base = `https://${loginServer}/v2`;
  const blobOf = (repository: string) => `${base}/${repository}/blobs/${layer.digest}`;
  const [target, attempt] = [`bob/mounted-${name}`, `bob/attempt-${name}`];
  const mount = (repository: string, authorization: string) =>
    world.http.send(
      'POST',
      `${base}/${repository}/blobs/uploads/?mount=${encodeURIComponent(layer.digest)}&from=alice/secret`,
      { headers: { authorization } },
    );
  const scope = (repository: string) => `repository:${repository}:pull,push repository:alice/secret:pull`;

  const own = await tokenAt(world, loginServer, 'alice/secret', 'alice');
  expectEqual((await fetchContent(world, blobOf('alice/secret'), own)).status, 200, 'the owner');

  const bobAttempt = await tokenFor(world, loginServer, scope(attempt), 'bob');
  const refused = await mount(attempt, bobAttempt);
  expect([202, 401, 403].includes(refused.status), `a mount from a foreign repository: ${refused.status}`);
  await expectRefused(world, blobOf(attempt), bobAttempt);
  await expectRefused(world, blobOf('alice/secret'), bobAttempt);

  const pusher = await tokenFor(world, loginServer, scope(target), 'pusher');
  expectEqual((await mount(target, pusher)).status, 201, 'a mount by one who may');
  const bob = await tokenAt(world, loginServer, target, 'bob');
  const mounted = await fetchContent(world, blobOf(target), bob);
  expectEqual([mounted.status, mounted.body.equals(layer.bytes)], [200, true], 'the mounted blob');
  const alice = await tokenAt(world, loginServer, target, 'alice');
  for (const stranger of [own, alice, await tokenAt(world, loginServer, target)]) {
    await expectRefused(world, blobOf(target), stranger);
  }
  await expectRefused(world, blobOf('alice/secret'), bob);

  const may = {
    authorization: await tokenFor(world, loginServer, `repository:${target}:pull,push,delete`, 'pusher'),
  };
  expectEqual((await world.http.send('DELETE', blobOf(target), { headers: may })).status, 202, 'delete');
  await expectRefused(world, blobOf(target), bob);
  expectEqual((await fetchContent(world, blobOf('alice/secret'), own)).status, 200, 'the owner, afterwards');
  return `mounted, read, deleted; a foreign mount got ${refused.status}`;
}

async function outageCase(world: World, berth: Berth, name: RegistryName): Promise<string> {
  const { loginServer } = await berth.endpoints(name);
  const base = `https://${loginServer}/v2/alice/secret`;
  const own = await tokenAt(world, loginServer, 'alice/secret', 'alice');
  const strangers = await strangersOf(world, loginServer);
  const paths = contentPaths(world, 'alice');
  const layer = aliceLayer(world);
  for (const path of paths)
    expectEqual((await fetchContent(world, `${base}/${path}`, own)).status, 200, path);
  const url = `${base}/blobs/${layer.digest}`;
  const redirect = await world.http.send('GET', url, { headers: { authorization: own } });
  const ticket = String(redirect.headers['location'] ?? '');
  let [refusals, served] = [0, 0];
  const action = async () => {
    for (const path of paths) {
      for (const stranger of strangers) {
        await expectClosed(world, `${base}/${path}`, stranger);
        refusals += 1;
      }
      // The owner may be answered from what Berth has; a failure must be said to be one.
      const answer = await fetchContent(world, `${base}/${path}`, own).catch(() => undefined);
      if (answer?.status === 200) served += 1;
      else if (name !== 'passthrough')
        expect((answer?.status ?? 0) >= 502, `the owner's ${path}: ${answer?.status}`);
    }
    if (DISK_CACHE && ['contoso', 'hub'].includes(name)) await expectServed(world, ticket, layer);
  };
  const recovered = async () => (await fetchContent(world, url, own)).status === 200;
  await duringOutage(action, recovered);
  for (const path of paths) {
    for (const stranger of strangers) await expectRefused(world, `${base}/${path}`, stranger);
  }
  return `${refusals} questions of strangers refused, ${served} of ${paths.length} of the owner answered`;
}

/** Refused or failed, but never answered, and never a 404 for what is there. */
async function expectClosed(world: World, url: string, authorization: string): Promise<void> {
  for (const [method, headers] of [
    ['GET', {}],
    ['HEAD', {}],
    ['GET', { range: 'bytes=0-9' }],
  ] as const) {
    const answer = await world.http.send(method, url, { headers: { authorization, ...headers } });
    const what = `${method} ${url} during the outage: ${answer.status}`;
    expect([401, 403, 429, 502, 503, 504].includes(answer.status), what);
    expect(answer.headers['location'] === undefined, `${what}, with a Location`);
    expect(answer.body.length < MAX_REFUSAL_BYTES, `${what}, with ${answer.body.length} bytes`);
  }
}

/** A ticket of before the outage is as good as the cache. */
async function expectServed(world: World, ticket: string, layer: TestBlob): Promise<void> {
  const whole = await world.http.send('GET', ticket);
  expectEqual([whole.status, whole.body.equals(layer.bytes)], [200, true], 'a warm blob in the outage');
  const part = await world.http.send('GET', ticket, { headers: { range: 'bytes=10-19' } });
  expectEqual([part.status, part.body.equals(layer.bytes.subarray(10, 20))], [206, true], 'a range of it');
}
