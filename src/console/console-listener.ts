import { isIP } from 'node:net';
import type { FastifyReply } from 'fastify';
import { fastify } from 'fastify';
import type { ConsoleConfig } from '../config/config.ts';
import { readConsoleAssets } from './console-assets.ts';
import { createConsoleViewer } from './console-events.ts';
import type { ConsoleFacts } from './console-facts.ts';
import { renderPage } from './render-page.ts';

export type ConsoleListener = {
  /** @throws where the address cannot be listened on; Node's message names it */
  listen(): Promise<{ address: string; port: number }>;
  close(): Promise<void>;
};

/** Milliseconds between two looks at what has changed: what people call live. */
const EVENT_MS = 2000;
/** Open pages: an operations room, not an audience. */
const MAX_VIEWERS = 16;
/** Bytes that a page may be behind before it is let go: one that does not read must not fill memory. */
const MAX_BEHIND = 1024 * 1024;
/** For a browser to send its header section. */
const HEADERS_TIMEOUT_MS = 5000;
const MAX_CONNECTIONS = 64;

const SECURITY_FIELDS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

/**
 * The console: a page, what it loads, and its events. It only reads, and takes GET and HEAD alone. A Host field that is neither
 * an address, nor localhost, nor in `console.hosts` is refused: another site's name that leads here (DNS rebinding) must not
 * let its scripts read this.
 */
export function createConsoleListener(
  config: ConsoleConfig,
  deps: { readonly facts: () => Promise<ConsoleFacts> },
): ConsoleListener {
  const assets = readConsoleAssets();
  const viewers = new Set<() => void>();
  const app = fastify({
    logger: false,
    forceCloseConnections: true, // an open page must not hold up the end
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: HEADERS_TIMEOUT_MS / 5 },
    requestTimeout: HEADERS_TIMEOUT_MS,
    frameworkErrors: (_error, _request, reply) => void notFound(reply),
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  app.setNotFoundHandler((_request, reply) => notFound(reply));
  app.setErrorHandler((_error, _request, reply) =>
    reply.code(500).type('text/plain').send('the console could not gather what it shows; see the log\n'),
  );
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_FIELDS);
    if (isOwnHost(request.headers.host, config)) return;
    await reply.code(421).type('text/plain').send(UNKNOWN_HOST);
  });

  app.get('/', async (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(renderPage(await deps.facts())),
  );
  for (const [name, { content, type }] of assets) {
    app.get(`/${name}`, async (_request, reply) => reply.type(type).send(content));
  }
  app.get('/events', { exposeHeadRoute: false }, async (_request, reply) => {
    if (viewers.size >= MAX_VIEWERS) {
      return reply
        .code(503)
        .header('retry-after', '30')
        .type('text/plain')
        .send(`${MAX_VIEWERS} pages are open, which is the most; close one\n`);
    }
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, { ...SECURITY_FIELDS, 'content-type': 'text/event-stream' });
    const viewer = createConsoleViewer();
    let isGathering = false;
    const tell = async (): Promise<void> => {
      if (isGathering) return;
      isGathering = true;
      try {
        const events = viewer.next(await deps.facts());
        // A comment where nothing changed: a connection that is gone is noticed.
        if (!raw.destroyed) raw.write(events === '' ? ':\n\n' : events);
        if (raw.writableLength > MAX_BEHIND) raw.destroy();
      } catch {
        // The page asks again, and then gets the error.
        raw.destroy();
      } finally {
        isGathering = false;
      }
    };
    const timer = setInterval(() => void tell(), EVENT_MS);
    const leave = (): void => {
      clearInterval(timer);
      viewers.delete(leave);
      raw.destroy();
    };
    viewers.add(leave);
    raw.on('close', leave);
    await tell();
    return reply;
  });

  return {
    async listen() {
      await app.listen({ host: config.address, port: config.port });
      const [bound] = app.addresses();
      if (bound === undefined || typeof bound === 'string') throw new Error('the console has no port');
      return { address: bound.address, port: bound.port };
    },
    async close() {
      for (const leave of viewers) leave();
      await app.close();
    },
  };
}

function notFound(reply: FastifyReply): FastifyReply {
  return reply.code(404).type('text/plain').send('the console is at /\n');
}

const UNKNOWN_HOST =
  'this name is not one of the console’s; ask for it by address or as localhost, or add the name to console.hosts\n';

function isOwnHost(field: string | undefined, { hosts }: ConsoleConfig): boolean {
  const name = (field ?? '').toLowerCase().replace(/:\d*$/, '');
  return name === 'localhost' || isIP(name.replace(/^\[|\]$/g, '')) !== 0 || hosts.includes(name);
}
