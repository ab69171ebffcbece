import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Berth } from './berth.ts';
import { berthFiles } from './client-config.ts';
import type { Client } from './clients/client.ts';
import { dockerd } from './clients/dockerd.ts';
import { skopeo } from './clients/skopeo.ts';
import { type Attack, expectOutcomes } from './closed/attack.ts';
import { directAttacks, directPut } from './closed/attacks-direct.ts';
import {
  forwardedHostAttacks,
  forwardProxyAttacks,
  hostAttacks,
  pathAttacks,
} from './closed/attacks-routing.ts';
import { smugglingAttacks } from './closed/attacks-smuggling.ts';
import { storageFieldAttacks, ticketAttacks } from './closed/attacks-tickets.ts';
import { dataEndpointWrites, loginServerWrites } from './closed/attacks-writing.ts';
import { checkAuditLog } from './closed/audit-log.ts';
import { type ClosedNetwork, createClosedNetwork } from './closed/closed-network.ts';
import { type ClosedScene, openClosedScene, ticketOf } from './closed/closed-scene.ts';
import { startWitness, type Witness } from './closed/witness.ts';
import { HOSTS } from './hosts-file.ts';
import { expect, expectEqual } from './report.ts';
import { type World, withClientSetup } from './world.ts';

/**
 * The reason for Berth, for real: clients behind a firewall that drops everything but what `berth firewall-rules` printed
 * pull as ever, and have no way to bring anything out. `main` is the Berth of the other scenarios.
 */
export async function closedScenario(world: World, main: Berth): Promise<void> {
  const scene = await openClosedScene(world);
  const network = await createClosedNetwork(world, scene.berth, 'closed');
  try {
    const witness = await startWitness(world, {
      attackerAddress: HOSTS.attacker.address,
      attacker: scene.attacker.daemon,
      storage: world.storage.daemon,
      registry: world.registry,
      mark: () => leaveMark(world),
    });
    await network.load();
    await pullCases(world, scene, network);
    await attackCases(world, main, scene, { network, witness });
    await differenceCase(world, scene, { network, witness });
  } finally {
    await network.open();
    await scene.end();
  }
}

async function leaveMark(world: World): Promise<string> {
  const mark = `mark-${randomUUID()}`;
  await world.http.send('GET', `https://${world.storage.host}/${world.storage.container}/${mark}`);
  await world.http.send('GET', `https://${HOSTS.upstream.name}/v2/${mark}/x/tags/list`);
  return mark;
}

async function pull(world: World, berth: Berth, client: Client): Promise<void> {
  const registry = HOSTS.closedLogin.name;
  const files = await berthFiles(berth, client.configuration, 'closed', world.authority.caFile);
  const target = { registry, repository: 'public/app', tag: '1', image: world.images.app };
  await withClientSetup(world, client.name, files, (setup) => client.pull(setup, target));
}

async function pullCases(world: World, { berth }: ClosedScene, network: ClosedNetwork): Promise<void> {
  for (const client of [dockerd, skopeo]) {
    await world.report.check(`closed: ${client.name} pulls through the printed rules`, async () => {
      await pull(world, berth, client);
      expectEqual(await network.dropped(), 0, 'packets that the rules dropped');
      return 'nothing was dropped';
    });
  }
}

type Watching = { readonly network: ClosedNetwork; readonly witness: Witness };

async function attackCases(
  world: World,
  main: Berth,
  scene: ClosedScene,
  { network, witness }: Watching,
): Promise<void> {
  const { facts } = scene;
  const check = (title: string, list: () => readonly Attack[] | Promise<readonly Attack[]>) =>
    world.report.check(title, async () => {
      const attacks = await list();
      await expectOutcomes(world, attacks);
      await witness.expectNothing();
      return `${attacks.length} attempts, nothing arrived`;
    });

  await world.report.check('attack: past Berth, straight to another account', async () => {
    const attacks = directAttacks(facts);
    await expectOutcomes(world, attacks);
    const dropped = await network.dropped();
    expect(dropped >= attacks.length, `only ${dropped} packets were dropped`);
    await witness.expectNothing();
    return `${attacks.length} attempts, ${dropped} packets dropped`;
  });
  await check('attack: writing to the data endpoint', () => dataEndpointWrites(facts));
  await check('attack: writing to a read-only login server', () => loginServerWrites(facts));
  await check('attack: Berth as a forward proxy, absolute form and CONNECT', () =>
    forwardProxyAttacks(facts),
  );
  await check('attack: the Host field names another host', () => hostAttacks(facts));
  await check('attack: dot segments and encoded separators in the path', () => pathAttacks(facts));
  await check('attack: request smuggling', () => smugglingAttacks(facts));
  await check('attack: forged, expired, altered and borrowed tickets', async () => {
    const { loginServer } = await main.endpoints('contoso');
    const url = `https://${loginServer}/v2/${facts.repository}/blobs/${facts.digest}`;
    return ticketAttacks(facts, scene.keyFile, await ticketOf(world, url, facts.authorization));
  });
  await world.report.check('attack: fields that storage would obey', async () => {
    const attacks = storageFieldAttacks(facts);
    const [whole, part] = await expectOutcomes(world, attacks);
    const layer = world.images.app.blobs.find(({ digest }) => digest === facts.digest);
    expect(whole?.received.endsWith(layer?.bytes.toString('latin1') ?? '-') === true, 'not the whole blob');
    expect(part?.received.includes('content-range: bytes 0-9/') === true, 'not the range of the Range field');
    await witness.expectNothing();
    return 'the blob, as if they were not there';
  });
  await world.report.check('attack: fields of proxies that name another host', async () => {
    const [challenge, redirect] = await expectOutcomes(world, forwardedHostAttacks(facts));
    const realm = /realm="([^"]*)"/.exec(challenge?.received ?? '')?.[1];
    expectEqual(realm, `https://${facts.login}/oauth2/token`, 'realm');
    const location = /^location: (\S+)/im.exec(redirect?.received ?? '')?.[1] ?? '';
    expectEqual(new URL(location).origin, `https://${facts.data}`, 'host of the link');
    await witness.expectNothing();
    return 'links as configured';
  });
  await world.report.check('closed: every refusal is in the audit log', () => checkAuditLog(scene));
}

/** What the wildcard costs: the same client, the same PUT, data endpoints off and the rules that go with that. */
async function differenceCase(
  world: World,
  { berth, facts, attacker }: ClosedScene,
  { network, witness }: Watching,
): Promise<void> {
  const update = (enabled: boolean) =>
    berth.command(['update', '--name', 'closed', '--data-endpoint-enabled', String(enabled)]);
  const put = directPut(facts);
  await world.report.check(
    'attack: with passthrough and the wildcard rule the same PUT succeeds',
    async () => {
      await update(false);
      const rules = await network.load();
      expect(rules.includes('ANY ADDRESS, for *.blob.core.windows.net'), `no wildcard in\n${rules}`);
      await pull(world, berth, skopeo);
      await expectOutcomes(world, [put]);
      expect((await witness.packets()) > 0, 'the packet counter saw nothing');
      const log = await readFile(attacker.daemon.logFile, 'utf8');
      expect(log.includes(`"PUT /${attacker.container}/loot`), `no PUT in the log of the account:\n${log}`);
      // No connection may stay: its end would be packets, too.
      const headers = { connection: 'close' };
      const stored = await world.http.send('GET', `https://${attacker.host}${facts.drop}`, { headers });
      expectEqual(stored.body.toString(), facts.loot, "content of the attacker's account");
      return 'the loot is in the other account';
    },
  );
  await world.report.check('attack: with data endpoints on again it is dropped again', async () => {
    await update(true);
    await network.load();
    const before = await witness.packets();
    await expectOutcomes(world, [{ ...put, wanted: 'dropped' }]);
    expectEqual((await witness.packets()) - before, 0, "packets to the attacker's account");
    await pull(world, berth, skopeo);
    return undefined;
  });
}
