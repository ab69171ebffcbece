import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateLife } from '../../support/ca.ts';
import { type Berth, commonFields, DATA_FIELDS, startBerth } from '../berth.ts';
import type { PullTarget } from '../clients/client.ts';
import { HOSTS, SUBNET } from '../hosts-file.ts';
import { USERS } from '../token-service.ts';
import type { World } from '../world.ts';

export type Configured = { readonly berth: Berth; readonly registry: string };

/** One thing that is wrong, and a client's way into it. */
export type FaultScene = {
  readonly target: PullTarget;
  /** Where the client's own configuration comes from; null: it has none. */
  readonly configuredBy: Configured | null;
  /** What the clients' firewall lets through; it resets everything else. */
  readonly allowed: readonly string[];
  /** A host whose packets are dropped instead. */
  readonly silent?: { readonly address: string };
  /** Where it pushes what it has pulled from `target`. */
  readonly pushTo?: { readonly target: PullTarget; readonly configuredBy: Configured };
  end(): Promise<void>;
};

export type Fault = (world: World, berth: Berth) => Promise<FaultScene>;

const LOGIN = HOSTS.closedLogin;
const DATA = HOSTS.closedData;
const EVERYBODY = [LOGIN.name, DATA.name, HOSTS.login.name, HOSTS.data.name];
/** Of the Berths that are started here. */
const METRICS_PORTS = [9480, 9481] as const;
const DAY_MS = 86_400_000;

/** A client before the Berth of the run; nothing is wrong but what is named here. */
function atMain(
  change: Partial<PullTarget>,
  further: Partial<Pick<FaultScene, 'configuredBy' | 'allowed' | 'silent'>> = {},
): Fault {
  return async (world, berth) => ({
    target: targetAt(world, HOSTS.login.name, change),
    configuredBy: { berth, registry: 'contoso' },
    allowed: EVERYBODY,
    ...further,
    end: async () => undefined,
  });
}

function targetAt(world: World, registry: string, change: Partial<PullTarget> = {}): PullTarget {
  return { registry, repository: 'public/app', tag: '1', image: world.images.app, ...change };
}

type OwnSetup = {
  readonly registry?: Readonly<Record<string, unknown>>;
  readonly top?: Readonly<Record<string, unknown>>;
  /** null: plain HTTP. */
  readonly certificate?: CertificateLife | null;
  readonly doors?: readonly { readonly name: string; readonly address: string }[];
};

/** A client before a Berth of its own, in which something is not as it should be. */
function atOwn(setup: OwnSetup): Fault {
  return async (world) => {
    const berth = await startOwn(world, setup);
    return {
      target: targetAt(world, LOGIN.name),
      configuredBy: { berth, registry: 'closed' },
      allowed: EVERYBODY,
      end: async () => void (await berth.daemon.end()),
    };
  };
}

async function startOwn(
  world: World,
  setup: OwnSetup,
  metricsPort: number = METRICS_PORTS[0],
): Promise<Berth> {
  const { registry = {}, top = {}, certificate, doors = [LOGIN, DATA] } = setup;
  const directory = await mkdtemp(join(world.directory, 'symptoms-'));
  const base = { name: 'closed', loginServer: LOGIN.name, delivery: 'dedicated', push: false };
  const common = commonFields(world.authority);
  return startBerth(world.authority, directory, {
    doors,
    metricsPort,
    // Of doors that are named otherwise, each has the certificate of its name alone.
    ...(certificate !== undefined && {
      listener: { tls: certificate === null ? null : await certificateOf(world, certificate) },
    }),
    config: { ...top, registries: [{ ...base, ...common, ...DATA_FIELDS, ...registry }] },
  });
}

async function certificateOf({ authority }: World, life: CertificateLife) {
  const { certFile, keyFile } = await authority.issue([LOGIN.name, DATA.name], life);
  return { certificates: [{ cert: certFile, key: keyFile }] };
}

/** Two replicas with keys of their own: one gives out links, the other is shown them. */
const differentKeys: Fault = async (world) => {
  const berth = await startOwn(world, { doors: [LOGIN], certificate: {} });
  try {
    const other = await startOwn(world, { doors: [DATA], certificate: {} }, METRICS_PORTS[1]);
    return {
      target: targetAt(world, LOGIN.name),
      configuredBy: { berth, registry: 'closed' },
      allowed: EVERYBODY,
      async end() {
        await other.daemon.end();
        await berth.daemon.end();
      },
    };
  } catch (error) {
    await berth.daemon.end();
    throw error;
  }
};

/** The client is set up for a name that this Berth has no more. */
const unknownHost: Fault = async (world) => {
  const before = await startOwn(world, { certificate: {} });
  await before.daemon.end();
  const berth = await startOwn(world, {
    certificate: {},
    registry: { delivery: 'inline', loginServer: DATA.name, dataEndpoint: null, regions: [] },
  });
  return {
    target: targetAt(world, LOGIN.name),
    configuredBy: { berth: before, registry: 'closed' },
    allowed: EVERYBODY,
    end: async () => void (await berth.daemon.end()),
  };
};

const readOnly: Fault = async (world, main) => {
  const there = await atOwn({})(world, main);
  return {
    ...there,
    target: targetAt(world, HOSTS.login.name),
    configuredBy: { berth: main, registry: 'contoso' },
    ...(there.configuredBy !== null && {
      pushTo: {
        target: targetAt(world, LOGIN.name, { credentials: ['pusher', USERS.pusher] }),
        configuredBy: there.configuredBy,
      },
    }),
  };
};

/** By the name that `docs/troubleshoot.md` has for each. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  authority: atMain({}, { configuredBy: null }),
  'certificate-name': atOwn({
    // Each name leads to where the other's certificate is.
    doors: [
      { name: LOGIN.name, address: DATA.address },
      { name: DATA.name, address: LOGIN.address },
    ],
  }),
  'certificate-expired': atOwn({
    certificate: { notBefore: new Date(Date.now() - 3 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) },
  }),
  plain: atOwn({ certificate: null }),
  'no-name': atMain({ registry: 'missing.registry.example' }, { configuredBy: null }),
  'data-blocked': atMain({}, { allowed: [HOSTS.login.name] }),
  'data-silent': atMain({}, { silent: HOSTS.data }),
  'login-blocked': atMain({}, { allowed: [] }),
  anonymous: atMain({ repository: 'alice/secret' }),
  password: atMain({ repository: 'alice/secret', credentials: ['alice', 'not-the-password'] }),
  tag: atMain({ tag: 'missing' }),
  'unknown-host': unknownHost,
  'address-denied': atOwn({
    registry: { networkRules: { ipRules: [{ action: 'deny', value: SUBNET }] } },
  }),
  'repository-closed': atOwn({
    registry: { rules: { repositories: [{ action: 'deny', pattern: 'public/**' }] } },
  }),
  'too-many': atOwn({ top: { limits: { requestsPerClient: { perSecond: 1, burst: 1 } } } }),
  'ticket-keys': differentKeys,
  'redirect-refused': atOwn({ registry: { redirectHosts: ['storage.elsewhere.example'] } }),
  'upstream-away': atOwn({
    registry: {
      upstream: { url: `https://${HOSTS.attacker.name}`, allowedPrivateAddresses: ['10.0.0.0/8'] },
    },
  }),
  'read-only': readOnly,
};
