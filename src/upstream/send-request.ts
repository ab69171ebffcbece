import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { CounterHandle } from '../metrics/instruments.ts';
import { classifyFailure, UpstreamFailure, type UpstreamRole } from './failure.ts';
import { destroyStream } from './undici.ts';
import { IncomingResponse, type UpstreamResponse } from './upstream-response.ts';

export type ExchangeRequest = {
  readonly method: string;
  readonly origin: string;
  /** Raw path and query: undici writes them as they are, and refuses control characters. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body?: Readable | Buffer | undefined;
  /** On whose behalf, where turns are shared out among clients (`upstream.limits`). */
  readonly client?: string | undefined;
  readonly queueWait?: QueueWait | undefined;
  readonly signal: AbortSignal;
};

/** Told where the request has to wait for its turn in Berth's own queue: that says nothing of the upstream. */
export type QueueWait = {
  readonly began: () => void;
  /** It has its turn, or will have none. */
  readonly ended: () => void;
};

/** Milliseconds. undici's own deadlines start when a connection is there; waiting for one of a full pool would have none. */
export type SendDeadlines = {
  readonly startMs: number;
  readonly headersMs: number;
  readonly commitMs: number;
};

export type SendDeps = {
  readonly dispatcher: Dispatcher;
  readonly where: UpstreamRole;
  readonly deadlines: SendDeadlines;
  /** Bytes of bodies that come in. */
  readonly received: CounterHandle;
};

/** One request, and its answer as soon as the header section is in; rejects with `UpstreamFailure`. */
export function sendRequest(request: ExchangeRequest, deps: SendDeps): Promise<UpstreamResponse> {
  return new Promise((resolve, reject) => {
    const { signal } = request;
    if (signal.aborted) reject(endedFailure(deps.where, signal));
    else new Sending(request, deps, resolve, reject).begin();
  });
}

/** undici's events of one request. Not `dispatcher.request`: that makes a stream, an async resource and a signal for each. */
class Sending implements Dispatcher.DispatchHandler {
  private readonly request: ExchangeRequest;
  private readonly deps: SendDeps;
  private readonly resolve: (response: UpstreamResponse) => void;
  private readonly reject: (failure: UpstreamFailure) => void;
  private controller: Dispatcher.DispatchController | undefined;
  private response: IncomingResponse | undefined;
  /** Why there will be no answer. */
  private failure: UpstreamFailure | undefined;
  private deadline: NodeJS.Timeout | undefined;

  constructor(
    request: ExchangeRequest,
    deps: SendDeps,
    resolve: (response: UpstreamResponse) => void,
    reject: (failure: UpstreamFailure) => void,
  ) {
    this.request = request;
    this.deps = deps;
    this.resolve = resolve;
    this.reject = reject;
  }

  begin(): void {
    const { request, deps } = this;
    request.signal.addEventListener('abort', this.onAbort);
    try {
      deps.dispatcher.dispatch(
        {
          origin: request.origin,
          path: request.path,
          method: request.method,
          headers: request.headers,
          body: request.body ?? null,
          // undici closes the connection after a HEAD unless it is told not to.
          reset: false,
          // What an upload commits may be copied on object storage before it is answered.
          ...(request.body !== undefined && { headersTimeout: deps.deadlines.commitMs }),
        },
        this,
      );
    } catch (error) {
      this.fail(error);
    }
    // Mostly there is a connection, and the request is on its way by now.
    if (this.controller === undefined && this.failure === undefined) this.limitStart();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    clearTimeout(this.deadline);
    if (this.failure !== undefined) controller.abort(this.failure);
    // A body takes as long as it takes; undici looks after its progress.
    else if (this.request.body === undefined) this.limitHeaders();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (status < 200) return;
    clearTimeout(this.deadline);
    this.response = new IncomingResponse(status, headers, controller);
    this.resolve(this.response);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.deps.received.inc(chunk.length);
    this.response?.push(chunk);
  }

  onResponseEnd(): void {
    this.release();
    this.response?.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const { body } = this.request;
    if (body instanceof Readable)
      destroyStream(
        body.on('error', () => undefined),
        error,
      );
    this.fail(error);
  }

  private limitStart(): void {
    const { startMs } = this.deps.deadlines;
    this.deadline = setTimeout(() => {
      const message = `no connection to ${this.request.origin} became free within ${startMs} ms`;
      this.end('connection_limit_reached', message);
    }, startMs);
  }

  private limitHeaders(): void {
    const { headersMs } = this.deps.deadlines;
    // undici's own deadline begins anew with every informational answer: a peer could send those for ever.
    this.deadline = setTimeout(() => {
      this.end('http_response_timeout', `${this.request.origin} did not answer within ${headersMs} ms`);
    }, headersMs);
  }

  private end(kind: UpstreamFailure['kind'], message: string): void {
    const { where } = this.deps;
    this.abort(new UpstreamFailure(kind, where, `${where}: ${message}`));
  }

  private readonly onAbort = (): void => this.abort(endedFailure(this.deps.where, this.request.signal));

  private abort(failure: UpstreamFailure): void {
    this.fail(failure);
    // What still waits for a connection is never sent when it gets one.
    this.controller?.abort(failure);
  }

  private fail(error: unknown): void {
    this.release();
    const { response, deps } = this;
    if (response !== undefined) response.fail(error instanceof Error ? error : new Error(String(error)));
    else if (this.failure === undefined) {
      this.failure = classifyFailure(error, deps.where);
      this.reject(this.failure);
    }
  }

  private release(): void {
    clearTimeout(this.deadline);
    this.request.signal.removeEventListener('abort', this.onAbort);
  }
}

/** A signal's end: the client's, or the deadline of a question that Berth asked itself. */
function endedFailure(where: UpstreamRole, signal: AbortSignal): UpstreamFailure {
  return leftByClient(signal)
    ? new UpstreamFailure('connection_terminated', where, `${where}: the client left before the answer`)
    : new UpstreamFailure('http_response_timeout', where, `${where}: no whole answer in time`);
}

export function leftByClient({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(reason instanceof Error && reason.name === 'TimeoutError');
}
