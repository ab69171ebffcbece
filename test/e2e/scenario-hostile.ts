import { readFile } from 'node:fs/promises';
import { type HostileScene, openHostileScene, TRAP_NAMES } from './hostile/hostile-scene.ts';
import { plainAnswer } from './hostile/hostile-server.ts';
import { HOSTILE_LOCATIONS } from './hostile/locations.ts';
import { HOSTS } from './hosts-file.ts';
import { expect, expectEqual } from './report.ts';
import type { World } from './world.ts';

/** An upstream that wants Berth to go where it must not, with listeners there that count. */
export async function hostileScenario(world: World): Promise<void> {
  const scene = await openHostileScene(world);
  const { report } = world;
  try {
    await report.check('attack: a hostile registry redirects to metadata, loopback and other accounts', () =>
      redirectCase(scene),
    );
    await report.check('attack: a name changes its address between two connections', () =>
      rebindingCase(world, scene),
    );
    await report.check('attack: a hostile registry sends uploads elsewhere', () => uploadCase(scene));
    await report.check('attack: a hostile registry names a token service elsewhere', () => realmCase(scene));
    await report.check('attack: a hostile registry answers without end', () => endlessCase(scene));
    await report.check('hostile: SIGTERM ends Berth with exit code 0', async () => {
      expectEqual(await scene.berth.daemon.end(), { code: 0, signal: null }, 'end');
      return undefined;
    });
  } finally {
    await scene.end();
  }
}

async function redirectCase(scene: HostileScene): Promise<string> {
  const { server, digest } = scene;
  for (const [repository, [location, reason, detail]] of Object.entries(HOSTILE_LOCATIONS)) {
    const answer = { bytes: plainAnswer('307 Temporary Redirect', [`Location: ${location}`]) };
    server.answers.set(`/v2/${repository}/`, answer);
    for (const path of [`blobs/${digest}`, 'manifests/1', 'tags/list']) {
      const { status, headers, body } = await scene.send('GET', `/v2/${repository}/${path}`);
      expectEqual([status, headers['location']], [502, undefined], `${path} that is at ${location}`);
      expect(!/169\.254|attacker|trap/.test(body.toString()), `the answer tells where: ${body.toString()}`);
      const lines = (await scene.takeAudit(1)).map((line) => [line.reason, line.detail, line.repository]);
      const where = path.startsWith('blobs') || reason !== 'address' ? detail : lines[0]?.[1];
      expectEqual(lines, [[reason, where, repository]], `audit log for ${location}, ${path}`);
    }
  }
  scene.expectNothingCaught();
  return `${Object.keys(HOSTILE_LOCATIONS).length} locations, one audit line for each request`;
}

/** The first answer of DNS is an allowed address, the second one is loopback. */
async function rebindingCase(world: World, scene: HostileScene): Promise<string> {
  const { server, digest, blob } = scene;
  world.resolver.setAddresses(TRAP_NAMES.rebinding, [HOSTS.hostile.address, '127.0.0.1']);
  const location = `Location: https://${TRAP_NAMES.rebinding}/blob`;
  server.answers.set('/v2/rebinding/', { bytes: plainAnswer('307 Temporary Redirect', [location]) });
  server.answers.set('/blob', { bytes: plainAnswer('200 OK', [], blob.toString()) });
  const path = `/v2/rebinding/blobs/${digest}`;
  const first = await scene.send('GET', path);
  expectEqual([first.status, first.body.toString()], [200, blob.toString()], 'while the name is honest');
  const second = await scene.send('GET', path);
  expectEqual(second.status, 502, 'once it leads to loopback');
  const lines = await scene.takeAudit(1);
  expectEqual(
    lines.map(({ reason, repository }) => [reason, repository]),
    [['address', 'rebinding']],
    'audit log',
  );
  scene.expectNothingCaught();
  return 'served, then refused';
}

async function uploadCase(scene: HostileScene): Promise<string> {
  const { server } = scene;
  const targets = [
    `https://${HOSTS.attacker.name}/loot`,
    `//${HOSTS.attacker.name}/loot`,
    'https://169.254.169.254/loot',
    `https://${HOSTS.hostile.name}.${HOSTS.attacker.name}/loot`,
  ];
  let refused = 0;
  for (const location of targets) {
    for (const status of ['202 Accepted', '307 Temporary Redirect', '308 Permanent Redirect']) {
      server.answers.set('/v2/up/', { bytes: plainAnswer(status, [`Location: ${location}`]) });
      for (const [method, path] of [
        ['POST', '/v2/up/blobs/uploads/'],
        ['PUT', '/v2/up/manifests/1'],
      ] as const) {
        // The location of a manifest that was taken is only told, never used.
        if (method === 'PUT' && status.startsWith('202')) continue;
        const answer = await scene.send(method, path, Buffer.from('loot'));
        expectEqual(
          [answer.status, answer.headers['location']],
          [502, undefined],
          `${method}, ${status}, ${location}`,
        );
        const lines = (await scene.takeAudit(1)).map(({ reason, repository }) => [reason, repository]);
        expectEqual(lines, [['upload_location', 'up']], `audit log for ${status} to ${location}`);
        refused += 1;
      }
    }
  }
  scene.expectNothingCaught();
  return `${refused} refused`;
}

async function realmCase(scene: HostileScene): Promise<string> {
  const { server } = scene;
  const realms: readonly (readonly [realm: string, reason: string])[] = [
    [`https://${HOSTS.attacker.name}/token`, 'realm'],
    [`http://${HOSTS.hostile.name}/token`, 'realm'],
    [`https://${HOSTS.hostile.name}@${HOSTS.attacker.name}/token`, 'realm'],
    ['https://127.0.0.1/token', 'realm'],
    // On the list, and refused all the same. Last, since a realm is kept for ten minutes.
    ['https://2852039166/token', 'address'],
  ];
  for (const [realm, reason] of realms) {
    const challenge = `WWW-Authenticate: Bearer realm="${realm}",service="x"`;
    server.answers.set('/v2/', { bytes: plainAnswer('401 Unauthorized', [challenge]) });
    const { status } = await scene.send('POST', '/oauth2/token', Buffer.from('password=loot'));
    expectEqual(status, 502, `token request for ${realm}`);
    const lines = (await scene.takeAudit(1)).map((line) => line.reason);
    expectEqual(lines, [reason], `audit log for ${realm}`);
  }
  scene.expectNothingCaught();
  return `${realms.length} realms`;
}

/** Longest growth of Berth's memory over all endless answers together, in MiB; they offer 512 MiB each. */
const MAX_GROWTH_MIB = 96;

async function endlessCase(scene: HostileScene): Promise<string> {
  const { server, digest, berth } = scene;
  const before = await peakMemoryMib(berth.daemon.pid);
  const filler = 'x'.repeat(65_536);
  const json = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"tags":["';
  const failed = json.replace('200 OK', '500 Oops');
  const rows: readonly (readonly [
    path: string,
    bytes: string,
    endless: string,
    statuses: readonly number[],
  ])[] = [
    ['/v2/fields/manifests/1', 'HTTP/1.1 200 OK\r\n', `X-Filler: ${filler}\r\n`, [502]],
    ['/v2/field/manifests/1', 'HTTP/1.1 200 OK\r\nX-Filler: ', filler, [502]],
    ['/v2/interim/manifests/1', '', 'HTTP/1.1 103 Early Hints\r\n\r\n', [502, 504]],
    ['/v2/long/manifests/1', json, filler, [502]],
    [`/v2/failed/blobs/${digest}`, failed, filler, [500, 502]],
    [`/v2/served/blobs/${digest}`, json, filler, [502]],
  ];
  for (const [path, bytes, endless, statuses] of rows) {
    server.answers.set(path, { bytes, endless });
    const answer = await scene.send('GET', path);
    expect(statuses.includes(answer.status), `${path}: ${answer.status}, want ${statuses.join(' or ')}`);
    expect(answer.body.length < 2000, `${path}: ${answer.body.length} bytes of it came through`);
  }

  // Always somewhere else on its own host: one question, four requests.
  server.answers.set('/v2/loop/', {
    bytes: plainAnswer('307 Temporary Redirect', [`Location: /v2/loop/blobs/${digest}?again`]),
  });
  const asked = server.requests.length;
  expectEqual((await scene.send('GET', `/v2/loop/blobs/${digest}`)).status, 502, 'endless redirects');
  expect(server.requests.length - asked <= 4, `${server.requests.length - asked} requests for one question`);
  const lines = (await scene.takeAudit(1)).map((line) => [line.reason, line.detail]);
  expectEqual(lines, [['redirect_location', 'too_many_redirects']], 'audit log');

  const growth = (await peakMemoryMib(berth.daemon.pid)) - before;
  expect(growth < MAX_GROWTH_MIB, `memory grew by ${growth} MiB`);
  scene.expectNothingCaught();
  return `memory grew by ${growth} MiB at most`;
}

/** The highest resident size that a process ever had. */
async function peakMemoryMib(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmHWM:\s+(\d+) kB/m.exec(text)?.[1]) / 1024);
}
