import { createOciClient, type OciClient, type PulledImage } from '../support/oci-client.ts';
import { createFirewall, type Firewall, NameRefused } from './firewall.ts';
import { REPOSITORY, type Scene, setScene, TAG } from './scene.ts';
import { runShowEndpoints, type ShownEndpoints } from './show-endpoints.ts';
import { formatBytes, formatTable, type Style } from './terminal.ts';

/** Something is not as the demo claims. */
export class DemoFailure extends Error {
  override readonly name = 'DemoFailure';
  readonly code = 'demo_failed';
}

export type DemoOptions = {
  readonly write: (text: string) => void;
  readonly style: Style;
  /** For tests of the demo: changes the scene before the first pull. */
  readonly sabotage?: (scene: Scene) => Promise<void>;
};

/**
 * Pulls one image twice, past Berth and through it, and shows what each way needs of the client's firewall.
 * Throws DemoFailure, or what a part threw, when anything is not as claimed.
 */
export async function runDemo({ write, style, sabotage }: DemoOptions): Promise<void> {
  write(`\n  ${style.bold('Berth: one registry, two hostnames')}\n\n`);
  write(style.dim('  Starting blob storage (Azurite), a registry in front of it, and Berth … '));
  const scene = await setScene();
  try {
    write(style.dim('ready.\n'));
    write(
      style.dim('  Every name below resolves to this machine, inside this process; ports are left out.\n'),
    );
    await sabotage?.(scene);
    const endpoints = await runShowEndpoints(scene.configFile, 'contoso');
    const past = await pullPastBerth(scene, write, style);
    const through = await pullThroughBerth(scene, endpoints, write, style);
    check(
      past.manifest === through.manifest && past.bytes === through.bytes,
      'both pulls gave the same image',
    );
    const ok = style.good('✓');
    write(
      `\n  ${ok} Both pulls gave the same ${past.blobs.length} blobs, ${formatBytes(past.bytes)}; every digest verified.\n`,
    );
    await writeElsewhere(scene, endpoints, write, style);
  } finally {
    await scene.close();
  }
}

async function pullPastBerth(scene: Scene, write: DemoOptions['write'], style: Style): Promise<PulledImage> {
  write(heading(style, 1, 'Past Berth: the registry redirects each layer to storage'));
  return await withClient(scene, rulesPastBerth(scene), async (client, firewall) => {
    const pulled = await pull(client, scene.registry.url);
    writePull(client, write, style);
    const storage = hostsOf(client).filter((host) => host.endsWith('.blob.core.windows.net'));
    check(storage.length > 1, 'the image came from several storage accounts');
    check(firewall.refused.length === 0, 'the wildcard was enough');
    writeRules(firewall, write, style);
    write(
      `    Nobody knows beforehand which accounts a pull needs (${storage.length} here), so the rule is\n` +
        `    a ${style.bad('wildcard')}: it opens every storage account of every customer of the cloud.\n`,
    );
    return pulled;
  });
}

async function pullThroughBerth(
  scene: Scene,
  endpoints: ShownEndpoints,
  write: DemoOptions['write'],
  style: Style,
): Promise<PulledImage> {
  write(heading(style, 2, 'Through Berth: delivery `dedicated`'));
  write(`    ${style.dim('$ berth show-endpoints --name contoso')}\n`);
  write(`${endpoints.text.replaceAll(/^/gm, '    ')}

`);
  const rules = rulesThroughBerth(endpoints);
  check(rules.length === 2, `show-endpoints prints two names, not ${rules.length}`);
  return await withClient(scene, rules, async (client, firewall) => {
    const pulled = await pull(client, `https://${endpoints.loginServer}`);
    writePull(client, write, style);
    check(
      firewall.refused.length === 0,
      `the pull needed nothing else (it tried ${firewall.refused.join(', ')})`,
    );
    check(
      hostsOf(client).toSorted().join() === rules.toSorted().join(),
      `the client reached exactly what show-endpoints prints (it reached ${hostsOf(client).join(', ')})`,
    );
    writeRules(firewall, write, style);
    write(
      `    Two ${style.good('exact names')}, known beforehand; they stay the same whatever storage does.\n`,
    );
    return pulled;
  });
}

async function writeElsewhere(
  scene: Scene,
  endpoints: ShownEndpoints,
  write: DemoOptions['write'],
  style: Style,
): Promise<void> {
  const { place } = scene.foreign;
  write(heading(style, 3, "Writing to somebody else's storage account"));
  write(
    `    PUT https://${place.account}.blob.core.windows.net/${place.container}/${place.blob}?${style.dim('<its own SAS>')}\n\n`,
  );
  const tried: [string, string][] = [];

  const wildcard = await withClient(scene, rulesPastBerth(scene), (client) => put(client, scene.foreign.url));
  check(wildcard.kind === 'answered' && wildcard.status === 201, 'storage took the write under the wildcard');
  const stored = await scene.azurite.get(place);
  check(stored.toString() === SECRET, 'what was written is in the account');
  tried.push([`*.blob.core.windows.net`, style.bad(`201 Created: ${stored.length} bytes left the network`)]);

  const other = { ...place, blob: 'secrets-2.tar' };
  const url = scene.azurite.signedUrl(other, { permissions: 'cw' });
  const exact = await withClient(scene, rulesThroughBerth(endpoints), (client) => put(client, url));
  check(exact.kind === 'refused', 'the firewall with exact names refused the write');
  tried.push(['the two exact names', style.good('refused: no rule for this host')]);

  const [dataEndpoint = ''] = endpoints.dataEndpoints;
  const door = new URL(`https://${dataEndpoint}`);
  const { pathname, search, host } = new URL(url);
  const byDoor = await withClient(scene, rulesThroughBerth(endpoints), (client) =>
    put(client, `${door.origin}${pathname}${search}`),
  );
  check(
    byDoor.kind === 'answered' && byDoor.status === 405,
    `the data endpoint takes no PUT (${describe(byDoor)})`,
  );
  tried.push(['… by the data endpoint', style.good('405 from Berth: blobs are read here, never written')]);

  const fronted = await withClient(scene, rulesThroughBerth(endpoints), (client) =>
    put(client, `${door.origin}${pathname}${search}`, { host }),
  );
  check(
    fronted.kind === 'answered' && fronted.status === 421,
    `no foreign Host passes (${describe(fronted)})`,
  );
  tried.push(['… with its Host field', style.good('421 from Berth: not a host of this registry')]);

  const exists = await scene.azurite.get(other).then(
    () => true,
    () => false,
  );
  check(!exists, 'nothing of it reached the account');
  const width = Math.max(...tried.map(([rules]) => rules.length));
  for (const [rules, outcome] of tried) write(`    ${rules.padEnd(width)}   ${outcome}\n`);
  write('\n');
}

const SECRET = 'what must not leave';

type PutOutcome = { readonly kind: 'answered'; readonly status: number } | { readonly kind: 'refused' };

async function put(
  client: OciClient,
  url: string,
  headers: Record<string, string> = {},
): Promise<PutOutcome> {
  try {
    const request = { method: 'PUT', body: SECRET, headers: { 'x-ms-blob-type': 'BlockBlob', ...headers } };
    const { status } = await client.send(url, request);
    return { kind: 'answered', status };
  } catch (error) {
    if (error instanceof NameRefused) return { kind: 'refused' };
    throw error;
  }
}

function describe(outcome: PutOutcome): string {
  return outcome.kind === 'answered' ? `answered ${outcome.status}` : 'refused by the firewall';
}

function rulesPastBerth(scene: Scene): string[] {
  return [new URL(scene.registry.url).hostname, '*.blob.core.windows.net'];
}

function rulesThroughBerth({ loginServer, dataEndpoints }: ShownEndpoints): string[] {
  return [loginServer, ...dataEndpoints];
}

async function withClient<T>(
  scene: Scene,
  rules: readonly string[],
  use: (client: OciClient, firewall: Firewall) => Promise<T>,
): Promise<T> {
  const { berth } = scene;
  const firewall = createFirewall(rules, (name) => (berth.owns(name) ? berth.port : undefined));
  const client = createOciClient({ ca: scene.caCertificate, route: firewall.route });
  try {
    return await use(client, firewall);
  } finally {
    client.close();
  }
}

function pull(client: OciClient, registry: string): Promise<PulledImage> {
  return client.pull({ registry, repository: REPOSITORY, reference: TAG, architecture: 'amd64' });
}

function hostsOf(client: OciClient): string[] {
  return [...new Set(client.exchanges.map(({ hostname }) => hostname))];
}

function writePull(client: OciClient, write: DemoOptions['write'], style: Style): void {
  const rows = hostsOf(client).map((host) => {
    const exchanges = client.exchanges.filter(({ hostname }) => hostname === host);
    const bytes = exchanges.reduce((sum, exchange) => sum + exchange.bytes, 0);
    return [host, String(exchanges.length), formatBytes(bytes)];
  });
  write(formatTable(style, ['host', 'requests', 'bytes'], rows));
}

function writeRules({ rules }: Firewall, write: DemoOptions['write'], style: Style): void {
  write(`\n    Firewall: ${rules.map((rule) => style.accent(rule)).join(', ')}\n`);
}

function heading(style: Style, number: number, text: string): string {
  return `\n  ${style.bold(`${number}. ${text}`)}\n\n`;
}

function check(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new DemoFailure(`does not hold: ${claim}`);
}
