import type { Berth } from './berth.ts';
import { type ConformanceResult, passedOnlyIn, runConformance, summarize } from './conformance.ts';
import { HOSTS } from './hosts-file.ts';
import { expectEqual } from './report.ts';
import type { World } from './world.ts';

/** Ranges of a blob, `500-0` as 416 and the suffix form included: storage may fail them, Berth may not. */
const OWN_DUTY = /^OCI Conformance Test\/sha256 blobs\/range requests\//;

/** The OCI conformance program against the registry itself. */
export async function directConformanceScenario(world: World): Promise<ConformanceResult | undefined> {
  let direct: ConformanceResult | undefined;
  await world.report.check('conformance: distribution itself', async () => {
    const hosts = [HOSTS.upstream.name, HOSTS.token.name, HOSTS.storage.name];
    const run = await runConformance(world, HOSTS.upstream.name, 'direct', hosts);
    expectEqual(run.seen.refused, [], 'hosts refused');
    direct = run.result;
    return summarize(run.result);
  });
  return direct;
}

/** The same against Berth in each delivery: nothing that the registry itself passes may fail. */
export async function berthConformanceScenario(
  world: World,
  berth: Berth,
  direct: ConformanceResult | undefined,
): Promise<void> {
  for (const name of ['contoso', 'inline', 'passthrough'] as const) {
    const { loginServer, dataEndpoints } = await berth.endpoints(name);
    const others = { contoso: dataEndpoints, inline: [], passthrough: [HOSTS.storage.name] };
    const delivery = name === 'contoso' ? 'dedicated' : name;
    await world.report.check(`conformance: Berth, ${delivery}`, async () => {
      if (direct === undefined) throw new Error('there is no result of distribution itself to compare with');
      const hosts = [loginServer, ...others[name]];
      const run = await runConformance(world, loginServer, delivery, hosts);
      expectEqual(run.seen, { connected: hosts.toSorted(), refused: [], asked: [] }, 'hosts');
      expectEqual(passedOnlyIn(direct, run.result), [], 'passed by distribution, not by Berth');
      if (name !== 'passthrough') {
        const ranges = [...run.result].filter(([test]) => OWN_DUTY.test(test));
        const failed = ranges.filter(([, statuses]) => statuses.some((status) => status !== 'Pass'));
        expectEqual([ranges.length > 6, failed], [true, []], 'range tests');
      }
      const gained = passedOnlyIn(run.result, direct);
      return `${summarize(run.result)}; ${gained.length} more than distribution itself`;
    });
  }
}
