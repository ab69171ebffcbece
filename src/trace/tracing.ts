/** Values of a span's attributes; names are OpenTelemetry's semantic conventions where those have one, else `berth.…`. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** One timed step of a request. */
export type Span = {
  /** Names are few: a method and a kind of route, never a path. */
  rename(name: string): void;
  set(attributes: SpanAttributes): void;
  /** Once. `error`: a short word, from a closed set or a class; undefined: it went well. */
  end(error?: string): void;
  /** What runs in it, and whatever that begins, is its child. */
  run<T>(work: () => T): T;
};

/** `server`: a client's request here. `client`: a request of ours to somebody else. */
export type SpanKind = 'server' | 'client' | 'internal';

/** The W3C Trace Context fields of a message. */
export type TraceFields = { readonly traceparent?: string; readonly tracestate?: string };

/** What an exemplar points to. */
export type TraceIds = { readonly trace_id: string; readonly span_id: string };

export type Tracing = {
  /** False: nothing is recorded, and every other call costs next to nothing. */
  readonly isOn: boolean;
  /** The span of a client's request; `headers` may bring the trace that it belongs to. */
  beginRequest(name: string, headers: Readonly<Record<string, string | string[] | undefined>>): Span;
  /** A child of the span under way; without one it begins a trace. */
  begin(name: string, kind: SpanKind, attributes?: SpanAttributes): Span;
  /** For a request to a registry, so that its own trace goes on from here; never for storage. */
  fields(): TraceFields;
  /** `work` is part of the step that `fields` of another process of ours has said. */
  goOn<T>(fields: TraceFields, work: () => T): T;
  /** Of the span under way, where it is recorded. */
  current(): TraceIds | undefined;
  /** Sends what is left, as far as the collector takes it within some seconds; never rejects. */
  close(): Promise<void>;
};

const NO_SPAN: Span = {
  rename: () => undefined,
  set: () => undefined,
  end: () => undefined,
  run: (work) => work(),
};
const NO_FIELDS: TraceFields = {};

/** Tracing that is off. */
export const NO_TRACING: Tracing = {
  isOn: false,
  beginRequest: () => NO_SPAN,
  begin: () => NO_SPAN,
  fields: () => NO_FIELDS,
  goOn: (_fields, work) => work(),
  current: () => undefined,
  close: async () => undefined,
};

/** Runs `work` as a step of its own; what it throws ends the step with the error's name, or its `kind` or `code`. */
export async function traced<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    const result = await span.run(work);
    span.end();
    return result;
  } catch (error) {
    span.end(errorType(error));
    throw error;
  }
}

/** `error.type` of the semantic conventions: low in number, and no text of a peer. */
export function errorType(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown';
  for (const key of ['kind', 'code', 'name'] as const) {
    const value: unknown = key in error ? (error as Record<string, unknown>)[key] : undefined;
    if (typeof value === 'string' && value !== '') return value;
  }
  return 'unknown';
}
