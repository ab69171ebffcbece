import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { BERTH_MAIN, type Berth } from './berth.ts';
import { allHosts } from './hosts-file.ts';
import { inNamespace } from './network.ts';
import { run } from './process.ts';
import { expect, expectEqual } from './report.ts';
import { createSpace } from './space.ts';
import type { World } from './world.ts';

type Finding = {
  readonly state: string;
  readonly check: string;
  readonly target: string;
  readonly detail: string;
};

/** `berth check-health` on the clients' side of a firewall that drops, and on Berth's own machine. */
export async function healthScenario(world: World, berth: Berth): Promise<void> {
  const { loginServer, dataEndpoints } = await berth.endpoints('contoso');
  const directory = await mkdtemp(join(world.directory, 'health-'));
  const space = await createSpace(world.network.clients, directory, world.machinePid);
  const ask = async (): Promise<{ readonly code: number; readonly findings: readonly Finding[] }> => {
    const words = [
      'check-health',
      `--login-server=${loginServer}`,
      ...dataEndpoints.map((endpoint) => `--data-endpoint=${endpoint}`),
      `--ca=${world.authority.caFile}`,
      '--image=public/app:1',
      '--timeout=2',
      '--output=json',
    ];
    const argv = space.argv([process.execPath, BERTH_MAIN, ...words]);
    const { code, stdout } = await run(argv, { allowCodes: [0, 1] });
    return { code, findings: JSON.parse(stdout) };
  };

  await world.report.check('health: a client finds nothing wrong', async () => {
    let code = -1;
    let findings: readonly Finding[] = [];
    // The firewall of the scenario before may still let others through alone.
    await world.observer.observe([loginServer, ...dataEndpoints], async () => {
      ({ code, findings } = await ask());
    });
    expectEqual(
      findings.filter(({ state }) => state !== 'ok'),
      [],
      'findings',
    );
    expectEqual(code, 0, 'exit code');
    return `${findings.length} checks`;
  });

  await world.report.check('health: a firewall that drops, and one that rejects', async () => {
    const [endpoint = ''] = dataEndpoints;
    const address = allHosts().find(({ name }) => name === endpoint)?.address ?? '';
    for (const [target, words] of [
      [['DROP'], 'gives no sign within 2 s'],
      [['REJECT', '--reject-with', 'tcp-reset'], 'refuses connections'],
    ] as const) {
      const rule = ['OUTPUT', '-p', 'tcp', '-d', address, '-j', ...target];
      const iptables = (action: string) =>
        run(inNamespace(world.network.clients, ['iptables', action, ...rule]));
      await iptables('-I');
      try {
        const { code, findings } = await ask();
        const found = findings.find(({ check, target: host }) => check === 'connect' && host === endpoint);
        expect(found?.state === 'fail' && found.detail.includes(words), JSON.stringify(found));
        expectEqual(code, 1, 'exit code');
      } finally {
        await iptables('-D');
      }
    }
    return undefined;
  });

  await world.report.check("health: nothing wrong on Berth's machine", async () => {
    const { stdout } = await berth.command([
      'check-health',
      '--name=contoso',
      `--ca=${world.authority.caFile}`,
      '--image=public/app:1',
      '--output=json',
    ]);
    const findings: readonly Finding[] = JSON.parse(stdout);
    expectEqual(
      findings.filter(({ state }) => state === 'fail'),
      [],
      'findings',
    );
    return `${findings.length} checks`;
  });
}
