import type { Berth, RegistryName } from './berth.ts';
import { crane, openCrane } from './clients/crane.ts';
import { HOSTS } from './hosts-file.ts';
import { contentPaths, expectRefused, fetchContent, tokenAt, type User } from './private-content.ts';
import { CommandFailed, run } from './process.ts';
import { expect, expectEqual } from './report.ts';
import { USERS } from './token-service.ts';
import { type World, withClientSetup } from './world.ts';

/** Two users, each with a private image, on one Berth: what one has brought into memory never reaches the other. */
async function isolationCase(world: World, berth: Berth, name: RegistryName): Promise<string> {
  const { loginServer } = await berth.endpoints(name);
  const base = `https://${loginServer}/v2`;
  let refusals = 0;
  for (const [owner, other] of [
    ['alice', 'bob'],
    ['bob', 'alice'],
  ] as const) {
    const own = await tokenAt(world, loginServer, `${owner}/secret`, owner);
    const strangers = [
      await tokenAt(world, loginServer, `${owner}/secret`, other),
      await tokenAt(world, loginServer, `${other}/secret`, other),
      await tokenAt(world, loginServer, `${owner}/secret`),
      await tokenAt(world, loginServer, 'public/app'),
    ];
    const foreignFolder = await tokenAt(world, loginServer, `${other}/secret`, other);
    for (const path of contentPaths(world, owner)) {
      const url = `${base}/${owner}/secret/${path}`;
      // The stranger first, then the owner, then the stranger again, now that everything is in memory, then both at once.
      for (const stranger of strangers) await expectRefused(world, url, stranger);
      const answer = await fetchContent(world, url, own);
      expectEqual(answer.status, 200, `${owner} asks ${url}`);
      for (const stranger of strangers) await expectRefused(world, url, stranger);
      await Promise.all([
        ...Array.from({ length: 4 }, async () => {
          expectEqual((await fetchContent(world, url, own)).status, 200, `${owner} asks ${url} again`);
        }),
        ...strangers.map((stranger) => expectRefused(world, url, stranger)),
      ]);
      // The same content by way of the stranger's own repository, where it is not.
      if (path !== 'manifests/1')
        await expectRefused(world, `${base}/${other}/secret/${path}`, foreignFolder);
      refusals += strangers.length * 6 + 2;
    }
  }
  return `${refusals} questions of strangers refused`;
}

async function craneRefused(
  world: World,
  loginServer: string,
  user: User,
  repository: string,
): Promise<void> {
  const login = { registry: loginServer, credentials: [user, USERS[user]] as const };
  await withClientSetup(world, 'crane', new Map(), async (setup) => {
    const tool = await openCrane(setup, login);
    const argv = tool.argv(['manifest', `${loginServer}/${repository}:1`]);
    const output = await run(argv, { env: tool.env }).catch((error: unknown) => {
      if (error instanceof CommandFailed) return error.output;
      throw error;
    });
    expect(output.code !== 0, `${user} got ${repository}`);
    expect(
      /UNAUTHORIZED|DENIED/.test(output.stderr),
      `refused in other words: ${output.stderr.slice(0, 300)}`,
    );
    expectEqual(output.stdout, '', 'what crane printed of it');
  });
}

/** Tickets of one user in other hands: bound to their host, repository and blob. */
async function ticketCase(world: World): Promise<string> {
  const loginServer = HOSTS.login.name;
  const [layer] = world.images.alice.manifests[0]?.layers ?? [];
  const [foreign] = world.images.bob.manifests[0]?.layers ?? [];
  if (layer === undefined || foreign === undefined) throw new Error('test images without layers');
  const authorization = await tokenAt(world, loginServer, 'alice/secret', 'alice');
  const url = `https://${loginServer}/v2/alice/secret/blobs/${layer.digest}`;
  const redirect = await world.http.send('GET', url, { headers: { authorization } });
  expectEqual(redirect.status, 307, 'status of a blob');
  const location = String(redirect.headers['location']);
  expectEqual(new URL(location).host, HOSTS.data.name, 'host of the ticket');
  expect(!location.includes('blob.core.windows.net'), 'the ticket shows the storage host');
  expect(!location.includes('sig='), 'the ticket shows the storage signature');
  const served = await world.http.send('GET', location);
  expectEqual(served.body.equals(layer.bytes), true, 'blob by its ticket');
  const altered = {
    'another digest': location
      .replaceAll(encodeURIComponent(layer.digest), foreign.digest)
      .replaceAll(layer.digest, foreign.digest),
    'another repository': location.replace(/alice(%2F|\/)secret/i, 'bob$1secret'),
    'another host': location.replace(HOSTS.data.name, HOSTS.mirrorData.name),
    'no ticket': `https://${HOSTS.data.name}/`,
  };
  for (const [what, address] of Object.entries(altered)) {
    expect(address !== location, `${what}: nothing was altered in ${location.slice(0, 200)}`);
    const answer = await world.http.send('GET', address);
    expectEqual(answer.status, 403, `status for ${what}`);
    expectEqual(answer.headers['www-authenticate'], undefined, `challenge for ${what}`);
    expect(answer.body.toString('utf8').startsWith('{"errors":['), `no OCI error for ${what}`);
  }
  return `${Object.keys(altered).length} altered tickets refused`;
}

export async function privateScenario(world: World, berth: Berth): Promise<void> {
  const { report } = world;
  const { loginServer, dataEndpoints } = await berth.endpoints('contoso');
  const hosts = [loginServer, ...dataEndpoints];
  for (const user of ['alice', 'bob'] as const) {
    await report.check(`private: ${user} pulls an own image with crane`, async () => {
      const credentials = [user, USERS[user]] as const;
      const target = {
        registry: loginServer,
        repository: `${user}/secret`,
        tag: '1',
        image: world.images[user],
        credentials,
      };
      const seen = await world.observer.observe(hosts, () =>
        withClientSetup(world, 'crane', new Map(), (setup) => crane.pull(setup, target)),
      );
      expectEqual(seen, { connected: hosts.toSorted(), refused: [], asked: [] }, 'hosts');
      return undefined;
    });
  }
  await report.check('private: crane is refused the image of another user', async () => {
    const seen = await world.observer.observe(hosts, async () => {
      await craneRefused(world, loginServer, 'bob', 'alice/secret');
      await craneRefused(world, loginServer, 'alice', 'bob/secret');
    });
    expectEqual(seen, { connected: [loginServer], refused: [], asked: [] }, 'hosts');
    return undefined;
  });
  for (const name of ['contoso', 'hub', 'inline', 'passthrough'] as const) {
    await report.check(`private: nothing of one user reaches another (${name})`, () =>
      isolationCase(world, berth, name),
    );
  }
  await report.check('private: a ticket is good for its host, repository and blob alone', () =>
    ticketCase(world),
  );
}
