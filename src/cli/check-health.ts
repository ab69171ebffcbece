import { getCACertificates } from 'node:tls';
import { styleText } from 'node:util';
import { Command, InvalidArgumentError, Option } from 'commander';

import type { Config, RegistryConfig } from '../config/config.ts';
import { showEndpoints } from '../endpoints/endpoints.ts';
import { hostname, parseHost } from '../http/host.ts';
import type { CliDeps } from './cli-deps.ts';
import { CliError, EXIT } from './cli-error.ts';
import { formatOutput, OUTPUT_FORMATS, type OutputFormat } from './format-output.ts';
import { checkDataEndpoint } from './health/check-data-endpoint.ts';
import { checkImage } from './health/check-image.ts';
import { checkLoginServer } from './health/check-login-server.ts';
import { checkNames } from './health/check-names.ts';
import { checkReady } from './health/check-ready.ts';
import { checkUpstream } from './health/check-upstream.ts';
import type { Finding } from './health/finding.ts';
import type { HealthDeps } from './health/health-deps.ts';
import { collect } from './parse-option.ts';
import { readAuthority } from './read-authority.ts';
import { readConfig, selectRegistry } from './read-config.ts';
import { registryInForce } from './registry-in-force.ts';
import { type ImageName, parseImageName } from './warm/image-name.ts';
import { readCredentials } from './warm/read-credentials.ts';

type Options = {
  config?: string;
  name?: string;
  loginServer?: URL;
  dataEndpoint?: string[];
  image?: string;
  ca?: string;
  credentials?: string;
  timeout: number;
  output: OutputFormat;
};

const DEFAULT_TIMEOUT_SECONDS = 5;

/** `berth check-health`: the usual faults, one line each, with what to do. */
export function createCheckHealthCommand(deps: CliDeps): Command {
  return new Command('check-health')
    .description(
      'Looks for what usually keeps pulls from working: names, connections, certificates, clocks, login server, data endpoints, upstream, token service. With a configuration on the machine of Berth; with --login-server as any client. Exit code 1 where something failed. Data endpoints are asked without a ticket, which is a line in the audit log.',
    )
    .option('--config <file>', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .option('-n, --name <registry>', 'name of the registry; may be left out where there is only one')
    .addOption(
      new Option(
        '--login-server <host>',
        'looks from a client, without a configuration: host[:port], or http://host[:port] where it is plain',
      ).argParser(parseLoginServer),
    )
    .option('--data-endpoint <host...>', 'with --login-server: the data endpoints of the registry', collect)
    .option('--image <repository:tag>', 'also pulls its manifest and the first byte of a blob')
    .option(
      '--ca <file>',
      "PEM file of the authority of Berth's certificates, where this machine does not know it",
    )
    .option('--credentials <file>', 'with --image: file with username:password on its first line')
    .addOption(
      new Option('--timeout <seconds>', 'longest wait for each step, 1 to 60')
        .argParser(parseTimeout)
        .default(DEFAULT_TIMEOUT_SECONDS),
    )
    .addOption(
      new Option('-o, --output <format>', 'form of the output').choices(OUTPUT_FORMATS).default('table'),
    )
    .action(async (options: Options) => {
      refuseMixtures(options);
      const image = options.image === undefined ? undefined : parseImage(options.image);
      const given = options.ca === undefined ? undefined : await readAuthority(options.ca);
      // As clients take it: beside the authorities that they know.
      const ca = given === undefined ? undefined : [...getCACertificates('default'), given].join('\n');
      const credentials =
        options.credentials === undefined ? undefined : await readCredentials(options.credentials);
      const healthDeps: HealthDeps = {
        resolve: (name) => deps.resolveHost(name),
        now: Date.now,
        timeoutMs: options.timeout * 1000,
      };
      const { origin, checks } = await selectChecks(options, ca, healthDeps, deps);
      const findings = (await Promise.all(checks)).flat();
      if (image !== undefined) {
        findings.push(...(await checkImage({ origin, image, ca, credentials }, healthDeps)));
      }
      print(findings, options.output, deps);
      // What failed has been said.
      if (findings.some(({ state }) => state === 'fail')) throw new CliError('');
    });
}

type Checks = {
  /** Of the login server. */
  readonly origin: URL;
  readonly checks: readonly Promise<readonly Finding[]>[];
};

async function selectChecks(
  options: Options,
  ca: string | undefined,
  healthDeps: HealthDeps,
  deps: CliDeps,
): Promise<Checks> {
  const { loginServer: origin, dataEndpoint = [] } = options;
  if (origin !== undefined) {
    const scheme = origin.protocol === 'https:' ? 'https' : 'http';
    const endpoints = dataEndpoint.map((endpoint) => hostOption('--data-endpoint', endpoint, scheme));
    return { origin, checks: clientChecks(origin, [origin.host], endpoints, ca, healthDeps) };
  }
  const { config } = await readConfig(options.config, deps);
  const registry = await registryInForce(selectRegistry(config, options.name), config, deps);
  return serverChecks(config, registry, ca, healthDeps);
}

function clientChecks(
  origin: URL,
  loginServers: readonly string[],
  endpoints: readonly string[],
  ca: string | undefined,
  deps: HealthDeps,
): readonly Promise<readonly Finding[]>[] {
  return [
    Promise.resolve(checkNames(loginServers, endpoints)),
    checkLoginServer(origin, ca, deps),
    ...endpoints.map((host) => checkDataEndpoint(new URL(`${origin.protocol}//${host}`), ca, deps)),
  ];
}

async function serverChecks(
  config: Config,
  registry: RegistryConfig,
  ca: string | undefined,
  deps: HealthDeps,
): Promise<Checks> {
  const { scheme, loginServer, aliases, upstream } = registry;
  const origin = new URL(`${scheme}://${loginServer}`);
  const endpoints =
    registry.delivery === 'dedicated'
      ? showEndpoints(registry).dataEndpoints.map(({ endpoint }) => endpoint)
      : [];
  const upstreamCa = upstream.caFile === null ? undefined : await readAuthority(upstream.caFile);
  const regional = registry.regions.flatMap((region) => region.upstream?.url ?? []);
  const ready = checkReady(config, deps).then((finding) => (finding === undefined ? [] : [finding]));
  return {
    origin,
    checks: [
      ready,
      ...clientChecks(origin, [loginServer, ...aliases], endpoints, ca, deps),
      checkUpstream(registry, upstreamCa, deps),
      ...regional.map((url) =>
        checkUpstream({ upstream: { ...upstream, url }, redirectHosts: [] }, upstreamCa, deps),
      ),
    ],
  };
}

const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

/** One line each; what to do stands behind what is wrong. */
function print(findings: readonly Finding[], output: OutputFormat, deps: CliDeps): void {
  const rows = findings.map(({ state, check, target, detail, advice }) => [
    state,
    check,
    target,
    // Words of a server are a sentence of their own.
    advice === undefined ? detail : `${detail.replace(/\.$/, '')}: ${advice}`,
  ]);
  const document = findings.map(({ advice, ...finding }) => ({ ...finding, advice: advice ?? null }));
  const text = formatOutput({ document, header: ['STATE', 'CHECK', 'TARGET', 'DETAIL'], rows }, output);
  if (output !== 'table' || !deps.colours) return deps.stdout(text);
  const coloured = text.replaceAll(/^(ok|warn|fail)\b/gm, (state) =>
    // The decision is the stream's, and made already.
    styleText(COLOURS[state === 'ok' || state === 'warn' ? state : 'fail'], state, { validateStream: false }),
  );
  deps.stdout(coloured);
}

function refuseMixtures(options: Options): void {
  if (options.loginServer !== undefined && (options.config !== undefined || options.name !== undefined)) {
    throw new CliError('give either --login-server or --config and --name, not both', EXIT.wrongUsage);
  }
  if (options.loginServer === undefined && options.dataEndpoint !== undefined) {
    throw new CliError('--data-endpoint only works with --login-server', EXIT.wrongUsage);
  }
  if (options.image === undefined && options.credentials !== undefined) {
    throw new CliError('--credentials only works with --image', EXIT.wrongUsage);
  }
}

function parseImage(text: string): ImageName & { readonly text: string } {
  const image = parseImageName(text);
  if (image !== undefined && image.host === undefined) return { ...image, text };
  const why =
    image === undefined ? 'is no image name' : 'begins with a host, which --login-server or --name decides';
  throw new CliError(`--image ${text} ${why}: write repository:tag`, EXIT.wrongUsage);
}

function parseLoginServer(text: string): URL {
  const [, scheme, host = ''] = /^(?:(https?):\/\/)?([^/]+)\/?$/.exec(text) ?? [];
  const isPlain = scheme === 'http' || (scheme === undefined && isLoopback(host));
  const parsed = parseHost(host, isPlain ? 'http' : 'https');
  if (parsed !== undefined) return new URL(`${isPlain ? 'http' : 'https'}://${parsed}`);
  throw new InvalidArgumentError('It must be host[:port], or http://host[:port].');
}

/** Where Berth runs beside its client, it is plain (the flag form of `serve`). */
function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname(host));
}

function hostOption(option: string, text: string, scheme: 'http' | 'https'): string {
  const host = parseHost(text, scheme);
  if (host !== undefined) return host;
  throw new CliError(`${option} ${text} is no host: write host or host:port`, EXIT.wrongUsage);
}

function parseTimeout(text: string): number {
  const seconds = Number(text);
  if (/^\d{1,2}$/.test(text) && seconds >= 1 && seconds <= 60) return seconds;
  throw new InvalidArgumentError('It must be a number of seconds from 1 to 60.');
}
