import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  type DiagLogger,
  DiagLogLevel,
  defaultTextMapGetter,
  defaultTextMapSetter,
  diag,
  type Span as OtelSpan,
  SpanKind as OtelSpanKind,
  ROOT_CONTEXT,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { errorType, type Span, type SpanAttributes, type SpanKind, type Tracing } from './tracing.ts';

/** Milliseconds for the last batch: a collector that hangs must not hold up the end of a pod. */
const CLOSE_DEADLINE_MS = 3000;

const KINDS: Readonly<Record<SpanKind, OtelSpanKind>> = {
  server: OtelSpanKind.SERVER,
  client: OtelSpanKind.CLIENT,
  internal: OtelSpanKind.INTERNAL,
};

/**
 * Tracing by OTLP over HTTP. The SDK reads the collector's address, the sampler and the sizes of batches from the environment;
 * spans that the collector does not take in time are dropped, requests never wait for it.
 */
export function createOtlpTracing(options: {
  readonly version: string;
  readonly diagnostics: DiagLogger;
  /** In place of the exporter; for tests. */
  readonly processor?: SpanProcessor;
}): Tracing {
  // The library has one for the process.
  diag.setLogger(options.diagnostics, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'berth', 'service.version': options.version }))
    .merge(detectResources({ detectors: [envDetector] }));
  const processor = options.processor ?? new BatchSpanProcessor(new OTLPTraceExporter());
  const provider = new BasicTracerProvider({ resource, spanProcessors: [processor] });
  const tracer = provider.getTracer('berth', options.version);
  const propagator = new W3CTraceContextPropagator();
  const underWay = new AsyncLocalStorage<Context>();

  function start(name: string, kind: SpanKind, parent: Context, attributes: SpanAttributes = {}): Span {
    const span = tracer.startSpan(name, { kind: KINDS[kind], attributes: { ...attributes } }, parent);
    return wrap(span, trace.setSpan(parent, span));
  }

  function wrap(span: OtelSpan, context: Context): Span {
    let isEnded = false;
    return {
      rename: (name) => void span.updateName(name),
      set(attributes) {
        for (const [name, value] of Object.entries(attributes)) {
          if (value !== undefined) span.setAttribute(name, value);
        }
      },
      end(error) {
        if (isEnded) return;
        isEnded = true;
        if (error !== undefined) {
          span.setAttribute('error.type', error);
          span.setStatus({ code: SpanStatusCode.ERROR });
        }
        span.end();
      },
      run: (work) => underWay.run(context, work),
    };
  }

  return {
    isOn: true,
    beginRequest: (name, headers) =>
      start(name, 'server', propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter)),
    begin: (name, kind, attributes) => start(name, kind, underWay.getStore() ?? ROOT_CONTEXT, attributes),
    fields() {
      const fields = {};
      const context = underWay.getStore();
      if (context !== undefined) propagator.inject(context, fields, defaultTextMapSetter);
      return fields;
    },
    goOn: (fields, work) =>
      underWay.run(propagator.extract(ROOT_CONTEXT, fields, defaultTextMapGetter), work),
    current() {
      const context = underWay.getStore();
      const ids = context === undefined ? undefined : trace.getSpanContext(context);
      if (ids === undefined || (ids.traceFlags & TraceFlags.SAMPLED) === 0) return undefined;
      return { trace_id: ids.traceId, span_id: ids.spanId };
    },
    async close() {
      let deadline: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_resolve, reject) => {
        deadline = setTimeout(
          () => reject(new DOMException('not taken in time', 'TimeoutError')),
          CLOSE_DEADLINE_MS,
        );
      });
      try {
        await Promise.race([provider.shutdown(), late]);
      } catch (error) {
        // What the last requests did is lost; they themselves were answered.
        options.diagnostics.error(`the last spans: ${errorType(error)}`);
      } finally {
        clearTimeout(deadline);
      }
    },
  };
}
