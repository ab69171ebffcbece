import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Audit } from '../audit/audit.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { codeLabel, methodLabel } from '../metrics/metrics.ts';
import { NO_TRACING, type Span, type Tracing } from '../trace/tracing.ts';
import type { AccessFields, Outcome, RequestContext } from './request-context.ts';
import type { TimedResponse } from './timed-response.ts';

/** Why we ended an exchange that was neither complete nor given up by the client. */
export type CutReason = 'internal_error' | 'drain_deadline' | 'idle_timeout';

/** One request and its response, from the header section to the end. */
export type ClientExchange = {
  readonly context: RequestContext;
  readonly request: IncomingMessage;
  readonly response: TimedResponse;
  /** The connection that it came on; `request.socket` is null once undici has been given the request's content. */
  readonly socket: Socket;
  /** Runs what answers it, as the step of its trace that everything else belongs to. */
  run<T>(work: () => T): T;
  /** Ends it by closing the connection, and says why for log and metrics. */
  cut(reason: CutReason): void;
  /** The connection is closed; a pipelined response whose turn had not come hears nothing of that by itself. */
  connectionClosed(): void;
};

export type ExchangeDeps = {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly audit: Audit;
  /** Left out: off. */
  readonly tracing?: Tracing | undefined;
  /** Called once, when the response is complete or cannot be any more. */
  readonly onEnd: (exchange: ClientExchange) => void;
};

export type ExchangeFacts = Pick<RequestContext, 'clientAddress' | 'network' | 'clientCertificate' | 'host'>;

const END_OUTCOMES: Readonly<Record<CutReason | 'client_closed' | 'cut', Outcome>> = {
  client_closed: 'client_closed',
  drain_deadline: 'drain_deadline',
  idle_timeout: 'client_closed',
  internal_error: 'failed',
  cut: 'failed',
};
const CLIENT_REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
/** nginx's and caddy's word for a client that left before the answer; it never went out. */
const CLIENT_CLOSED_REQUEST = 499;
/** What a response that Berth cut before its header section would have said. */
const CUT = 503;

/** The client's own id where it is safe in a log and a header field, else a new one. */
export function selectRequestId(own: string | string[] | undefined): string {
  return typeof own === 'string' && CLIENT_REQUEST_ID.test(own) ? own : randomUUID();
}

/**
 * Starts an exchange. Its log line and its metrics come from the response's own `close`, which happens exactly once
 * whether Fastify, a handler that hijacked the reply or nobody answers.
 */
export function beginExchange(
  request: IncomingMessage,
  response: TimedResponse,
  facts: ExchangeFacts,
  deps: ExchangeDeps,
): ClientExchange {
  const exchange = new Exchange(request, response, facts, deps);
  response.requestId = exchange.context.requestId;
  response.exchange = exchange;
  response.on('close', endOf);
  return exchange;
}

/** One for all responses: a closure for each is work for the collector, and so are those that the classes below do without. */
function endOf(this: TimedResponse): void {
  this.exchange?.connectionClosed();
}

class Context implements RequestContext {
  readonly requestId: string;
  readonly clientAddress: string;
  readonly network: RequestContext['network'];
  readonly host: string | undefined;
  readonly clientCertificate: boolean;
  // All of them from the start: an object that grows is copied as it does.
  readonly access: AccessFields = {
    door: 'unknown',
    route: 'unknown',
    registry: undefined,
    region: undefined,
    repository: undefined,
    reference: undefined,
    digest: undefined,
    outcome: undefined,
    cache: undefined,
    failure: undefined,
    principal: undefined,
  };
  private readonly request: IncomingMessage;
  private readonly response: TimedResponse;
  private readonly deps: ExchangeDeps;
  private client: AbortController | undefined;
  private childLog: Logger | undefined;
  private ended = false;
  private refused = false;

  constructor(request: IncomingMessage, response: TimedResponse, facts: ExchangeFacts, deps: ExchangeDeps) {
    this.requestId = selectRequestId(request.headers['x-request-id']);
    this.clientAddress = facts.clientAddress;
    this.network = facts.network;
    this.host = facts.host;
    this.clientCertificate = facts.clientCertificate;
    this.request = request;
    this.response = response;
    this.deps = deps;
  }

  // Most requests are answered before anybody asks for it.
  get signal(): AbortSignal {
    if (this.client === undefined) {
      this.client = new AbortController();
      if (this.ended && !this.response.writableFinished) this.client.abort();
    }
    return this.client.signal;
  }

  // Most requests log nothing but their one line; a child logger for each is not free.
  get log(): Logger {
    this.childLog ??= this.deps.log.child({ requestId: this.requestId });
    return this.childLog;
  }

  refuse(...[reason, detail]: Parameters<RequestContext['refuse']>): void {
    if (this.refused) return;
    this.refused = true;
    const { requestId, clientAddress, host } = this;
    const { door, principal, registry, repository, reference, digest } = this.access;
    const asked = { method: this.request.method, host, door, registry, repository, reference, digest };
    this.deps.audit.record({ reason, detail, requestId, client: clientAddress, principal, ...asked });
  }

  end(): void {
    this.ended = true;
    if (!this.response.writableFinished) this.client?.abort();
  }
}

class Exchange implements ClientExchange {
  readonly context: Context;
  readonly request: IncomingMessage;
  readonly response: TimedResponse;
  readonly socket: Socket;
  private readonly deps: ExchangeDeps;
  private readonly tracing: Tracing;
  private readonly span: Span;
  private readonly startedAt: number;
  private readonly bytesBefore: number;
  private ended = false;
  private cutReason: CutReason | undefined;

  constructor(request: IncomingMessage, response: TimedResponse, facts: ExchangeFacts, deps: ExchangeDeps) {
    this.startedAt = performance.now();
    this.request = request;
    this.response = response;
    this.socket = request.socket;
    this.deps = deps;
    this.bytesBefore = this.socket.bytesWritten;
    this.context = new Context(request, response, facts, deps);
    this.tracing = deps.tracing ?? NO_TRACING;
    this.span = this.tracing.beginRequest(methodLabel(request.method), request.headers);
  }

  run<T>(work: () => T): T {
    return this.span.run(work);
  }

  cut(reason: CutReason): void {
    this.cutReason ??= reason;
    this.response.destroy();
    this.socket.destroy();
  }

  connectionClosed(): void {
    if (this.ended) return;
    this.ended = true;
    // Here, an event of the connection; its measurements belong to the request.
    if (this.tracing.isOn) this.span.run(() => this.conclude());
    else this.conclude();
  }

  private conclude(): void {
    const { context, deps, request, response, socket, startedAt, tracing } = this;
    const { access } = context;
    context.end();
    const complete = response.writableFinished;
    const end = complete ? undefined : (this.cutReason ?? (hasLeft(socket) ? 'client_closed' : 'cut'));
    const status =
      end === 'client_closed' ? CLIENT_CLOSED_REQUEST : response.headersSent ? response.statusCode : CUT;
    const outcome = access.outcome ?? (end === undefined ? outcomeOf(status) : END_OUTCOMES[end]);
    const durationMs = performance.now() - startedAt;
    const labels = {
      server: access.door,
      route: access.route,
      method: methodLabel(request.method),
      code: codeLabel(status),
    };
    if (tracing.isOn) this.endSpan(labels, status, outcome);
    const { metrics } = deps;
    metrics.httpRequests.inc(labels);
    metrics.httpRequestDuration.observe(labels, durationMs / 1000);
    // Of these labels it takes the one that it knows.
    if (response.headAt !== undefined) {
      metrics.httpTimeToFirstByte.observe(labels, (response.headAt - startedAt) / 1000);
    }
    if (end !== undefined && response.headersSent) {
      metrics.httpIncompleteResponses.inc({ server: access.door, reason: end });
    }
    // Each by its name: copying an object is a good part of what a line costs.
    const fields: Record<keyof AccessFields, unknown> & Readonly<Record<string, unknown>> = {
      requestId: context.requestId,
      client: context.clientAddress,
      door: access.door,
      route: access.route,
      registry: access.registry,
      region: access.region,
      repository: access.repository,
      reference: access.reference,
      digest: access.digest,
      cache: access.cache,
      failure: access.failure,
      principal: access.principal,
      method: request.method,
      status,
      outcome,
      traceId: tracing.isOn ? tracing.current()?.trace_id : undefined,
      bytes: socket.bytesWritten - this.bytesBefore,
      durationMs: round(durationMs),
      ttfbMs: response.headAt === undefined ? undefined : round(response.headAt - startedAt),
    };
    deps.log.info(fields, 'request');
    deps.onEnd(this);
  }

  /** Names by OpenTelemetry's semantic conventions for HTTP servers; no path and no query, which may hold a ticket. */
  private endSpan(
    labels: { readonly route: string; readonly method: string },
    status: number,
    outcome: Outcome,
  ): void {
    const { context, span } = this;
    const { access } = context;
    span.rename(`${labels.method} ${labels.route}`);
    span.set({
      'http.request.method': labels.method,
      'http.route': labels.route,
      'http.response.status_code': status,
      'server.address': context.host,
      'client.address': context.clientAddress,
      'berth.request_id': context.requestId,
      'berth.door': access.door,
      'berth.registry': access.registry,
      'berth.region': access.region,
      'berth.repository': access.repository,
      'berth.digest': access.digest,
      'berth.cache': access.cache,
      'berth.outcome': outcome,
    });
    const isFault = status >= 500 || outcome === 'failed' || outcome === 'digest_mismatch';
    span.end(isFault ? (access.failure ?? outcome) : undefined);
  }
}

/** Whether it was the client that ended the connection: by FIN, by RST, or by not being there for our bytes. */
function hasLeft(socket: Socket): boolean {
  return socket.readableEnded || socket.errored !== null;
}

function outcomeOf(status: number): Outcome {
  if (status >= 500) return 'failed';
  if (status >= 400) return 'refused';
  return status >= 300 && status !== 304 ? 'redirected' : 'ok';
}

/** Tenths of a millisecond: the log's reader compares, he does not measure. */
function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
