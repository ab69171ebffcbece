import t, { type Test } from 'tap';
import { createLogger } from '../src/log.ts';
import { createProcessState } from '../src/state/create-process-state.ts';
import { formatTicketKeys, generateTicketKeys } from '../src/ticket/ticket-keys.ts';
import { NO_TRACING } from '../src/trace/tracing.ts';
import { runWorker } from '../src/worker-app.ts';
import { createDesk } from '../src/workers/desk.ts';
import { createLink, type Link } from '../src/workers/link.ts';
import { reservePorts } from '../src/workers/reserve-ports.ts';
import { withPorts } from '../src/workers/worker-config.ts';
import type { AskPrimary, AskWorker, TellPrimary, TellWorker } from '../src/workers/worker-messages.ts';
import { sendOnce } from './flow/workers-scene.ts';
import { loaded } from './support/config-file.ts';
import { until } from './support/until.ts';
import { createPipe } from './workers/pipe.ts';

/** A worker in this process, before a primary that has nothing. */
async function openWorker(t: Test, limits: Record<string, unknown>) {
  const written = loaded({
    workers: 2,
    listeners: [{ address: '127.0.0.1', port: 0 }],
    ticket: { keyFile: 'ticket.keys' },
    limits,
    registries: [
      {
        name: 'contoso',
        loginServer: 'contoso.localhost',
        scheme: 'http',
        delivery: 'inline',
        upstream: { url: 'http://127.0.0.1:9', allowedPrivateAddresses: ['127.0.0.0/8'] },
        redirectHosts: ['localhost:9'],
      },
    ],
  });
  const [reserved] = await reservePorts(written.listeners);
  const port = reserved?.port ?? 0;
  const { ends, cut } = createPipe();
  const ended = Promise.withResolvers<void>();
  runWorker(ends[1], {
    createLogger: () => createLogger({ level: 'error' }),
    build: { version: '', revision: '' },
    env: {},
    exit: ended.resolve,
  });
  const desk = createDesk(() => link, {
    store: undefined,
    attach: undefined,
    openSource: () => undefined,
    state: createProcessState(() => 0),
    tracing: NO_TRACING,
    forgetEverywhere: async () => undefined,
    audit: () => undefined,
    migration: { record: () => undefined },
  });
  const link: Link<AskWorker, TellWorker> = createLink<AskWorker, TellWorker, AskPrimary, TellPrimary>(
    ends[0],
    desk.calls,
    { ...desk.notes, pulse: () => undefined, limits: () => undefined },
  );
  t.teardown(async () => {
    await link.call('drain', { withinMs: 0 });
    cut();
    await ended.promise;
  });
  return { link, port, config: withPorts(written, [port]) };
}

t.test('what clients get and leave at the others while it starts is known to it', async (t) => {
  const { link, port, config } = await openWorker(t, { connectionsPerClient: 1 });
  const key = '127.0.0.1';
  const starting = link.call('start', {
    number: 1,
    config,
    ticketKeys: formatTicketKeys(generateTicketKeys()),
    tlsTicketKeys: new Uint8Array(48),
    overrides: new Map(),
    limits: [{ kind: 'connections', key, by: 1 }],
  });
  link.note('limits', [{ kind: 'connections', key, by: -1 }]);
  await starting;
  const ask = () => sendOnce(port, 'other.localhost', '/', {});
  t.equal((await ask()).status, 421, 'there is room for one');
  link.note('limits', [{ kind: 'connections', key, by: 1 }]);
  await until(
    () =>
      ask().then(
        () => false,
        () => true,
      ),
    'there is none any more',
  );
});
