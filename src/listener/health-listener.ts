import type { FastifyReply } from 'fastify';
import { fastify } from 'fastify';
import type { Metrics } from '../metrics/metrics.ts';
import { WITHOUT_SCHEMAS } from './without-schemas.ts';

export type HealthListener = {
  /** @throws where the address cannot be listened on; Node's message names it. */
  listen(): Promise<{ address: string; port: number }>;
  /** To be called last: while a drain runs, `/readyz` says so and `/metrics` shows it. */
  close(): Promise<void>;
};

export type HealthDeps = {
  readonly metrics: Metrics;
  /** By name, whether each condition for traffic holds now (listening, not draining …); names of those that do not are shown. */
  readonly checks: Readonly<Record<string, () => boolean>>;
};

/** For a probe or a scraper to send its header section; both sit on the same network. */
const HEADERS_TIMEOUT_MS = 5000;
/** Probes and scrapers are a handful; whoever opens more is neither. */
const MAX_CONNECTIONS = 64;

/**
 * `/metrics`, `/livez` and `/readyz`, on a port of their own: they must answer while the listeners are full, and are not
 * for clients to see.
 */
export function createHealthListener(
  config: { readonly address: string; readonly port: number },
  { metrics, checks }: HealthDeps,
): HealthListener {
  const app = fastify({
    ...WITHOUT_SCHEMAS,
    logger: false,
    forceCloseConnections: true, // a scraper keeps its connection; it must not hold up the end
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: HEADERS_TIMEOUT_MS / 5 },
    requestTimeout: HEADERS_TIMEOUT_MS,
    frameworkErrors: (_error, _request, reply) => void notFound(reply),
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  app.setNotFoundHandler((_request, reply) => notFound(reply));

  app.get('/metrics', async (request, reply) => {
    // Prometheus names it first where it reads exemplars; whoever names nothing gets what everybody reads.
    const wantsExemplars = /application\/openmetrics-text/.test(request.headers.accept ?? '');
    const { contentType, text } = await metrics.exposition(wantsExemplars ? 'openmetrics' : 'prometheus');
    return reply.header('content-type', contentType).send(text);
  });
  app.get('/livez', async (_request, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/readyz', async (_request, reply) => {
    const failing = Object.keys(checks).filter((name) => checks[name]?.() === false);
    reply.type('text/plain').header('cache-control', 'no-store');
    if (failing.length === 0) return reply.send('ok\n');
    return reply.code(503).send(`not ready: ${failing.join(', ')}\n`);
  });

  return {
    async listen() {
      await app.listen({ host: config.address, port: config.port });
      const [bound] = app.addresses();
      if (bound === undefined || typeof bound === 'string')
        throw new Error('the metrics listener has no port');
      return { address: bound.address, port: bound.port };
    },
    close: () => app.close(),
  };
}

function notFound(reply: FastifyReply) {
  return reply.code(404).type('text/plain').send('only /metrics, /livez and /readyz are here\n');
}
