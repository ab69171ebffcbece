import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Berth } from '../berth.ts';
import { berthFiles } from '../client-config.ts';
import { crane } from '../clients/crane.ts';
import { skopeoPush } from '../clients/skopeo.ts';
import { run, waitUntil } from '../process.ts';
import { expect, expectEqual } from '../report.ts';
import { USERS } from '../token-service.ts';
import { type World, withClientSetup } from '../world.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';

const DEPLOY = fileURLToPath(new URL('../../../deploy/', import.meta.url));
const RULES = `${DEPLOY}prometheus/rules.yaml`;
const PROMTOOL = '/usr/bin/promtool';
/** Two scrapes a second apart are enough for a rate; the machine may be slow. */
const DATA_TIMEOUT_MS = 120_000;

type Panel = { readonly title: string; readonly targets?: readonly { readonly expr: string }[] };

/** Every query of the dashboard, with its variables as Grafana would fill them in. */
async function dashboardQueries(): Promise<{ readonly title: string; readonly expression: string }[]> {
  const dashboard: { readonly panels: readonly Panel[] } = JSON.parse(
    await readFile(`${DEPLOY}grafana/berth.json`, 'utf8'),
  );
  return dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      expression: expr
        .replaceAll('$__rate_interval', '1m')
        .replaceAll('$job', 'berth')
        .replaceAll('$instance', '.*'),
    })),
  );
}

/** A pull that misses, one that hits, a range, and a push. */
async function traffic(world: World, berth: Berth): Promise<void> {
  const { loginServer, dataEndpoints } = await berth.endpoints('contoso');
  const from = { registry: loginServer, repository: 'public/app', tag: '1', image: world.images.app };
  const files = await berthFiles(berth, 'podman', 'contoso', world.authority.caFile);
  const to = { ...from, repository: 'pushed/observed', credentials: ['pusher', USERS.pusher] as const };
  await world.observer.observe([loginServer, ...dataEndpoints], async () => {
    await withClientSetup(world, 'crane', new Map(), (setup) => crane.pull(setup, from));
    await withClientSetup(world, 'skopeo', files, (setup) => skopeoPush(setup, from, to));
  });
}

async function hasData(prometheus: Prometheus, expression: string): Promise<boolean> {
  const samples = await prometheus.query(expression);
  return samples.some(({ value }) => Number.isFinite(Number(value[1])));
}

/** What watches Berth, by the tools that watch it: Debian's Prometheus and its promtool. */
export async function observeScenario(world: World, berth: Berth): Promise<void> {
  const { report } = world;
  await report.check(
    'observe: promtool finds nothing wrong with the rules, and their cases hold',
    async () => {
      await run([PROMTOOL, 'check', 'rules', RULES]);
      const { stdout, stderr } = await run([PROMTOOL, 'test', 'rules', `${DEPLOY}prometheus/tests.yaml`]);
      expect(`${stdout}${stderr}`.includes('SUCCESS'), stdout);
      return undefined;
    },
  );
  await report.check('observe: promtool finds nothing wrong with a scrape', async () => {
    const output = await run([PROMTOOL, 'check', 'metrics'], { input: await berth.metrics() });
    expectEqual(`${output.stdout}${output.stderr}`.trim(), '', 'what promtool says');
    return undefined;
  });
  const prometheus = await startPrometheus(world.directory, RULES, ['127.0.0.1:9464']);
  try {
    await report.check('observe: every query of the dashboard returns data', async () => {
      const queries = await dashboardQueries();
      expect(queries.length > 40, `${queries.length} queries`);
      let without = queries;
      const all = async () => {
        await traffic(world, berth);
        const left: typeof queries = [];
        for (const each of without) if (!(await hasData(prometheus, each.expression))) left.push(each);
        without = left;
        return left.length === 0;
      };
      await waitUntil('data', all, { daemon: prometheus.daemon, timeoutMs: DATA_TIMEOUT_MS }).catch(
        (error: unknown) => {
          const lines = without.map(({ title, expression }) => `${title}: ${expression}`);
          throw new Error(`no data for\n${lines.join('\n')}`, { cause: error });
        },
      );
      return `${queries.length} queries`;
    });
    await report.check('observe: every rule is evaluated without an error', async () => {
      const evaluated = async () => (await prometheus.rules()).every(({ health }) => health !== 'unknown');
      await waitUntil('rules', evaluated, { daemon: prometheus.daemon, timeoutMs: DATA_TIMEOUT_MS });
      const rules = await prometheus.rules();
      const wrong = rules.filter(({ health }) => health !== 'ok');
      expectEqual(wrong, [], 'rules in error');
      return `${rules.length} rules`;
    });
  } finally {
    await prometheus.daemon.end();
  }
}
