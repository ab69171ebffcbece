import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { fastify } from 'fastify';
import type { AuditReason, RequestRefusal } from '../metrics/metrics.ts';
import { type OciError, ociError } from '../oci/error.ts';
import { statusError } from '../oci/status-error.ts';
import type { ClientExchange } from './client-exchange.ts';
import { failExchange } from './fail-exchange.ts';
import type { RequestContext } from './request-context.ts';
import { requestTarget } from './request-target.ts';
import { TimedResponse } from './timed-response.ts';
import { WITHOUT_SCHEMAS } from './without-schemas.ts';

/** Answers one request; see `ListenerDeps.handle`. */
export type Handle = (request: FastifyRequest, reply: FastifyReply, context: RequestContext) => Promise<void>;

export type RouterDeps = {
  readonly scheme: 'http' | 'https';
  /** Longest path that can arrive, in bytes. */
  readonly headerBytes: number;
  readonly begin: (
    request: IncomingMessage,
    response: TimedResponse,
    host: string | undefined,
  ) => ClientExchange;
  /** What is first done with every request; an answer where it goes no further. */
  readonly admit: (context: RequestContext) => OciError | undefined;
  /** Those of the connection that this one came on, itself included, whose answers are not out. */
  readonly underWay: (exchange: ClientExchange) => ReadonlySet<ClientExchange>;
  readonly onRefused: (reason: RequestRefusal) => void;
  readonly onClientError: (error: Error, socket: Socket) => void;
  /** See `ListenerDeps.answerAtOnce`. */
  readonly answerAtOnce: ((exchange: ClientExchange) => boolean) | undefined;
  readonly handle: Handle;
};

const AUDITED_AS: Readonly<Record<RequestRefusal, AuditReason>> = {
  method_not_allowed: 'method',
  missing_host: 'host',
  duplicate_host: 'host',
  malformed_host: 'host',
  malformed_target: 'request',
  malformed_request: 'request',
  expectation_unknown: 'request',
  transfer_coding_unknown: 'request',
  too_many_pipelined: 'request',
  header_too_large: 'request',
  header_timeout: 'request',
};

/**
 * Requests of one connection that wait for their answers. Node reads on while they do, and holds some 16 KiB for each; clients of
 * registries send the next one when they have the answer to the last.
 */
const MAX_PIPELINED = 32;

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * Puts Fastify on `server` with one wildcard route: paths are parsed by `oci/route.ts`, since Fastify's parameters are
 * decoded before anybody can judge them. Bodies are left unread.
 */
export async function createRouter(
  server: HttpServer<typeof IncomingMessage, typeof TimedResponse>,
  deps: RouterDeps,
): Promise<void> {
  /** Connections on which nothing is a request any more: the framing of the last one is faulty, or there were too many. */
  const ended = new WeakSet<Socket>();
  const app = fastify({
    ...WITHOUT_SCHEMAS,
    logger: false,
    exposeHeadRoutes: false, // the automatic HEAD would run GET and drain its stream
    return503OnClosing: false, // a drain lets running connections finish
    routerOptions: { maxParamLength: deps.headerBytes }, // the default of 100 is shorter than a sha512 digest
    serverFactory: (route) => {
      server.on('request', (request, response) => {
        const exchange = admit(request, response);
        if (exchange !== undefined && !isAnsweredAtOnce(exchange)) route(request, response);
      });
      server.on('checkExpectation', (request: IncomingMessage, response: TimedResponse) => {
        const { exchange } = begin(request, response);
        if (!isAdmitted(exchange)) return;
        const message = 'Only Expect: 100-continue is known.';
        refuse(exchange, 'expectation_unknown', ociError('UNSUPPORTED', { status: 417, message }));
      });
      return server;
    },
    clientErrorHandler: (error, socket) => deps.onClientError(error, socket),
    // A path with broken percent-encoding is the handler's to refuse, like any other that names nothing.
    frameworkErrors: (_error, request, reply) => dispatch(request, reply),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null)); // nothing reads it, so no limit applies
  app.addHook('onSend', (_request, { raw }, _payload, done) => {
    if (raw instanceof TimedResponse) raw.isAnswered = true;
    done();
  });
  app.setErrorHandler((error, _request, reply) => {
    reply.hijack();
    const exchange = exchangeOf(reply);
    if (exchange !== undefined) failExchange(exchange, asOwnError(error));
  });
  app.route({ method: [...METHODS], url: '/*', handler: dispatch });
  await app.ready();

  function begin(request: IncomingMessage, response: TimedResponse) {
    const target = requestTarget(request, deps.scheme);
    const exchange = deps.begin(request, response, target.kind === 'target' ? target.host : undefined);
    return { exchange, target };
  }

  /** Starts the exchange; undefined where it was answered here, before any door. */
  function admit(request: IncomingMessage, response: TimedResponse): ClientExchange | undefined {
    // RFC 9112 §9.6. Node still parses what came along.
    if (ended.has(request.socket)) return undefined;
    const { exchange, target } = begin(request, response);
    if (isOverfull(exchange)) return undefined;
    if (!isAdmitted(exchange)) return undefined;
    if (!METHODS.includes(request.method ?? '')) {
      refuse(
        exchange,
        'method_not_allowed',
        ociError('UNSUPPORTED', { headers: { allow: METHODS.join(', ') } }),
      );
      return undefined;
    }
    const coding = request.headers['transfer-encoding'];
    if (coding !== undefined && request.httpVersion === '1.0') {
      // RFC 9112 §6.1: faulty framing, as whoever speaks HTTP/1.0 between the client and here sees its end elsewhere.
      const message = 'A request by HTTP/1.0 has no transfer coding.';
      const headers = { connection: 'close' };
      ended.add(request.socket);
      refuse(exchange, 'malformed_request', ociError('UNSUPPORTED', { status: 400, message, headers }));
      return undefined;
    }
    if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') {
      // RFC 9112 §6.1: Node would take `gzip, chunked` for chunked, and the coding would be lost.
      const message = 'No transfer coding but chunked is understood.';
      const headers = { connection: 'close' };
      ended.add(request.socket);
      refuse(exchange, 'transfer_coding_unknown', ociError('UNSUPPORTED', { status: 501, message, headers }));
      return undefined;
    }
    if (target.kind === 'refused') {
      refuse(exchange, target.reason, statusError(400, { message: target.message }));
      return undefined;
    }
    request.url = target.path;
    return exchange;
  }

  /** Without Fastify, for which it is a sixth of the whole cost of a small answer. */
  function isAnsweredAtOnce(exchange: ClientExchange): boolean {
    const { answerAtOnce } = deps;
    if (answerAtOnce === undefined) return false;
    try {
      return exchange.run(() => answerAtOnce(exchange));
    } catch (error) {
      failExchange(exchange, error);
      return true;
    }
  }

  /** Ends a connection with more requests than may wait. An answer to the last one would have to wait for all the others'. */
  function isOverfull(exchange: ClientExchange): boolean {
    const underWay = deps.underWay(exchange);
    if (underWay.size <= MAX_PIPELINED) return false;
    ended.add(exchange.socket);
    deps.onRefused('too_many_pipelined');
    exchange.context.refuse(AUDITED_AS.too_many_pipelined, 'too_many_pipelined');
    for (const { context } of underWay) context.access.failure ??= 'too_many_pipelined';
    exchange.socket.destroy();
    return true;
  }

  function isAdmitted(exchange: ClientExchange): boolean {
    const refusal = deps.admit(exchange.context);
    if (refusal !== undefined) failExchange(exchange, refusal);
    return refusal === undefined;
  }

  function refuse(exchange: ClientExchange, reason: RequestRefusal, error: OciError): void {
    deps.onRefused(reason);
    exchange.context.access.failure = reason;
    exchange.context.refuse(AUDITED_AS[reason], reason);
    failExchange(exchange, error);
  }

  /** Gives Fastify no promise: it has nothing to wait for, and nothing to send. */
  function dispatch(request: FastifyRequest, reply: FastifyReply): void {
    const exchange = exchangeOf(reply);
    if (exchange === undefined) throw new Error('the request did not come through admit()');
    void answer(exchange, request, reply);
  }

  /** Never rejects. */
  async function answer(
    exchange: ClientExchange,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    try {
      await exchange.run(() => deps.handle(request, reply, exchange.context));
      if (!reply.sent && !exchange.response.isAnswered) throw new Error('the handler gave no answer');
    } catch (error) {
      reply.hijack();
      failExchange(exchange, error);
    }
  }
}

function exchangeOf({ raw }: FastifyReply): ClientExchange | undefined {
  return raw instanceof TimedResponse ? raw.exchange : undefined;
}

/** Fastify's own refusals (a Content-Type that is none, say) repeat what the client sent, and are no OCI documents. */
function asOwnError(error: unknown): unknown {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number')
    return error;
  return error.statusCode >= 400 && error.statusCode < 500 ? statusError(400, { cause: error }) : error;
}
