import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { BERTH_MAIN } from '../berth.ts';
import { run } from '../process.ts';
import { expect, expectEqual } from '../report.ts';
import type { World } from '../world.ts';

const DEPLOY = fileURLToPath(new URL('../../../deploy/', import.meta.url));
const CHART = `${DEPLOY}helm/berth`;
const values = (name: string) => `${DEPLOY}helm/values/${name}.yaml`;
/** The oldest Kubernetes that the chart is for. */
const KUBERNETES = '1.30.0';
/** Of `systemd-analyze security`: 0 is best, 10 worst. */
const MAX_EXPOSURE = 3;

/** Sets of values, each with what it renders. */
const SETS: readonly {
  readonly name: string;
  readonly values: readonly string[];
  readonly kinds: readonly string[];
}[] = [
  { name: 'acr', values: ['acr'], kinds: ['Deployment', 'NetworkPolicy', 'PodDisruptionBudget'] },
  { name: 'mirror', values: ['mirror'], kinds: ['DaemonSet'] },
  {
    name: 'ingress',
    values: ['ingress'],
    kinds: ['Deployment', 'HorizontalPodAutoscaler', 'Ingress', 'NetworkPolicy', 'PodDisruptionBudget'],
  },
  {
    name: 'acr, watched',
    values: ['acr', 'monitoring'],
    kinds: [
      'ConfigMap',
      'Deployment',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'PrometheusRule',
      'ServiceMonitor',
    ],
  },
];
/** What every set renders. */
const ALWAYS = ['ConfigMap', 'Service', 'Service', 'ServiceAccount'];
/** Sets that are there as plain manifests, too. */
const MANIFESTS = ['acr', 'mirror', 'ingress'];

type Document = {
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: unknown;
};

function documentsOf(text: string): readonly Document[] {
  return parseAllDocuments(text).map((document): Document => document.toJS());
}

/** The configuration of a set, with files that are there in place of the Secrets'. */
async function checkConfiguration(world: World, name: string, text: string): Promise<void> {
  const folder = join(world.directory, `deploy-${name}`);
  await mkdir(folder);
  const hosts = ['contoso.registry.example', '*.eastus.data.registry.example'] as const;
  const leaf = await world.authority.issue([...hosts, '*.westus.data.registry.example']);
  await writeFile(join(folder, 'contoso'), 'user:password\n', { mode: 0o600 });
  const file = join(folder, 'berth.yaml');
  const here = text
    .replaceAll('/etc/berth/tls/tls.crt', leaf.certFile)
    .replaceAll('/etc/berth/tls/tls.key', leaf.keyFile)
    .replaceAll('/etc/berth/credentials', folder);
  await writeFile(file, here);
  await run([process.execPath, BERTH_MAIN, 'check', file]);
}

async function helmCases(world: World): Promise<void> {
  const { report, programs } = world;
  const render = async (names: readonly string[]) => {
    const files = names.flatMap((name) => ['-f', values(name)]);
    const words = ['template', 'berth', CHART, '-n', 'registry', '--kube-version', KUBERNETES, ...files];
    return (await run([programs.helm, ...words])).stdout;
  };
  for (const set of SETS) {
    await report.check(`deploy: chart, ${set.name}`, async () => {
      const files = set.values.flatMap((name) => ['-f', values(name)]);
      await run([programs.helm, 'lint', '--strict', CHART, ...files]);
      const text = await render(set.values);
      const { stdout } = await run([programs.decodeManifests], { input: text });
      const kinds = stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[1] ?? '');
      expectEqual(kinds.toSorted(), [...ALWAYS, ...set.kinds].toSorted(), 'kinds');
      const config = documentsOf(text).find(({ kind, data }) => kind === 'ConfigMap' && data?.['berth.yaml']);
      await checkConfiguration(world, set.name.replace(/\W/g, ''), config?.data?.['berth.yaml'] ?? '');
      return stdout.trim().split('\n').length.toString();
    });
  }
  await report.check('deploy: the PrometheusRule is the file of rules', async () => {
    const rule = documentsOf(await render(['acr', 'monitoring'])).find(
      ({ kind }) => kind === 'PrometheusRule',
    );
    const [file] = documentsOf(await readFile(`${DEPLOY}prometheus/rules.yaml`, 'utf8'));
    expectEqual(rule?.spec, file, 'rules');
    return undefined;
  });
  await report.check('deploy: the chart refuses what can not work', async () => {
    const refused = async (words: readonly string[], says: string) => {
      const argv = [programs.helm, 'template', 'berth', CHART, '--kube-version', KUBERNETES, ...words];
      const { code, stderr } = await run(argv, { allowCodes: [0, 1] });
      expect(code === 1 && stderr.includes(says), `${words.join(' ')}: ${code} ${stderr}`);
    };
    await refused([], 'name at least one registry');
    const acr = ['-f', values('acr')];
    await refused([...acr, '--set', 'kind=StatefulSet'], '/kind');
    await refused([...acr, '--set', 'replcias=3'], 'replcias');
    await refused([...acr, '--set', 'ticketKeys.secretName='], '/ticketKeys/secretName');
    return undefined;
  });
  for (const name of MANIFESTS) {
    await report.check(`deploy: manifests/${name}.yaml is the chart's`, async () => {
      const written = await readFile(`${DEPLOY}manifests/${name}.yaml`, 'utf8');
      const how = `helm template berth deploy/helm/berth -n registry --kube-version ${KUBERNETES} -f deploy/helm/values/${name}.yaml`;
      expect(written === (await render([name])), `it is not: ${how} > deploy/manifests/${name}.yaml`);
      return undefined;
    });
  }
}

async function sidecarCase(world: World): Promise<void> {
  await world.report.check('deploy: manifests/sidecar.yaml', async () => {
    const text = await readFile(`${DEPLOY}manifests/sidecar.yaml`, 'utf8');
    const { stdout } = await run([world.programs.decodeManifests], { input: text });
    expectEqual(stdout, 'v1 ConfigMap berth-sidecar\nv1 Pod build-agent\n', 'documents');
    await checkConfiguration(world, 'sidecar', documentsOf(text)[0]?.data?.['berth.yaml'] ?? '');
    const misspelt = text.replace('restartPolicy: Always', 'restartPolice: Always');
    const { code, stderr } = await run([world.programs.decodeManifests], {
      input: misspelt,
      allowCodes: [1],
    });
    expect(code === 1 && stderr.includes('restartPolice'), 'a misspelt field was not noticed');
    return undefined;
  });
}

async function composeCase(world: World): Promise<void> {
  await world.report.check('deploy: Compose file', async () => {
    const { stdout } = await run(['docker-compose', '-f', `${DEPLOY}compose/compose.yaml`, 'config']);
    for (const service of ['berth', 'keys', 'prometheus'])
      expect(new RegExp(`^  ${service}:$`, 'm').test(stdout), `no service ${service}`);
    await run([process.execPath, BERTH_MAIN, 'check', `${DEPLOY}compose/berth.yaml`]);
    await run(['/usr/bin/promtool', 'check', 'config', '--syntax-only', `${DEPLOY}compose/prometheus.yaml`]);
    return undefined;
  });
}

async function systemdCase(world: World): Promise<void> {
  await world.report.check('deploy: systemd unit', async () => {
    const folder = join(world.directory, 'systemd');
    await mkdir(join(folder, 'root', 'etc'), { recursive: true });
    const text = await readFile(`${DEPLOY}systemd/berth.service`, 'utf8');
    // The program is not installed here, and verify looks for it.
    const unit = join(folder, 'berth.service');
    await writeFile(unit, text.replace('/usr/local/bin/berth ', '/bin/true '));
    const verified = await run(['systemd-analyze', 'verify', '--man=no', unit]);
    expectEqual(`${verified.stdout}${verified.stderr}`, '', 'systemd-analyze verify');
    const { stdout } = await run(['systemd-analyze', 'security', '--offline=true', '--no-pager', unit]);
    const exposure = Number(/exposure level for berth\.service: ([\d.]+)/.exec(stdout)?.[1]);
    expect(exposure < MAX_EXPOSURE, `exposure ${exposure}`);
    const root = `--root=${join(folder, 'root')}`;
    await run(['systemd-sysusers', root, `${DEPLOY}systemd/berth.sysusers.conf`]);
    await run(['systemd-tmpfiles', '--create', root, `${DEPLOY}systemd/berth.tmpfiles.conf`]);
    expect((await readFile(join(folder, 'root/etc/passwd'), 'utf8')).startsWith('berth:'), 'no user berth');
    return `exposure ${exposure}`;
  });
}

/** What is in `deploy/`, by the tools that read it; nothing here needs a cluster or the network. */
export async function deployScenario(world: World): Promise<void> {
  await helmCases(world);
  await sidecarCase(world);
  await composeCase(world);
  await systemdCase(world);
}
