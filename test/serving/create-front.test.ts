import t, { type Test } from 'tap';
import { createAudit } from '../../src/audit/audit.ts';
import { createLogger } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import type { ClientLimits } from '../../src/policy/client-limits.ts';
import type { NetworkDecision } from '../../src/policy/network-rules.ts';
import { createFront } from '../../src/serving/create-front.ts';
import type { Doors } from '../../src/serving/open-doors.ts';
import type { Serving } from '../../src/serving/serving.ts';
import { configFile, loaded, loadedRegistry } from '../support/config-file.ts';
import { createTestClient } from '../support/http-client.ts';

const HOST = 'contoso.registry.example';
const CONFIG = loaded(configFile({}, { listeners: [{ address: '127.0.0.1', port: 0 }] }));

type FrontOptions = {
  readonly decision?: NetworkDecision;
  /** Seconds that a client has to wait. */
  readonly takeRequest?: number;
};

/** A front before one registry; `send` gives what a client sees, `made` whether there are doors. */
async function open(t: Test, { decision = 'allowed', takeRequest = 0 }: FrontOptions) {
  let made = false;
  const registry = {
    networkRules: { decide: () => decision },
    get doors(): Doors {
      made = true;
      const doors: Partial<Doors> = {
        answerKept: () => false,
        loginServer: async ({ reply }) => void (await reply.send('in')),
        upstream: { hold: () => () => undefined } as never,
      };
      return doors as Doors;
    },
  };
  const match = { door: 'login_server', registry: loadedRegistry(), host: HOST, region: undefined } as never;
  const serving: Partial<Serving> = {
    secureHosts: [],
    find: (host) => (host === HOST ? { match, registry } : undefined),
  };
  const metrics = createMetrics();
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    level: 'info',
    destination: { write: (line: string) => void lines.push(JSON.parse(line)) },
  });
  const clientLimits: Pick<ClientLimits, 'beginConnection' | 'takeRequest'> = {
    beginConnection: () => () => undefined,
    takeRequest: () => takeRequest,
  };
  const [listener] = await createFront(CONFIG, {
    serving: serving as Serving,
    record: { note: () => undefined, forget: () => undefined },
    log,
    metrics,
    audit: createAudit({ file: null, log, metrics }),
    clientLimits,
  });
  if (listener === undefined) throw new Error('no listener');
  t.teardown(() => listener.drain(0));
  const address = await listener.listen();
  const client = createTestClient({ route: () => address });
  t.teardown(() => client.close());
  return { send: () => client.send(`http://${HOST}/v2/`), lines, made: () => made };
}

t.test('doors are made for a client that is let in', async (t) => {
  const { send, made } = await open(t, {});
  t.equal((await send()).body.toString(), 'in');
  t.ok(made());
});

t.test('no doors are made for a client that is kept out or comes too often', async (t) => {
  for (const [options, status] of [
    [{ decision: 'network_rule' }, 403],
    [{ decision: 'public_network' }, 403],
    [{ takeRequest: 3 }, 429],
  ] as const) {
    const { send, made, lines } = await open(t, options);
    t.equal((await send()).status, status);
    t.notOk(made(), JSON.stringify(options));
    t.match(
      lines.find(({ msg }) => msg === 'request'),
      { door: 'login_server', registry: 'contoso' },
      'and yet its line says whose it was',
    );
  }
});
