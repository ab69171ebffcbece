import { InMemorySpanExporter, SimpleSpanProcessor, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import t from 'tap';
import { createOtlpTracing } from '../../src/trace/create-otlp-tracing.ts';
import { createTraceLog } from '../../src/trace/trace-log.ts';
import { readTraceSettings } from '../../src/trace/trace-settings.ts';
import { NO_TRACING, traced } from '../../src/trace/tracing.ts';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function open() {
  const exporter = new InMemorySpanExporter();
  const tracing = createOtlpTracing({
    version: '1.2.3',
    diagnostics: createTraceLog({ warn: () => undefined }),
    processor: new SimpleSpanProcessor(exporter),
  });
  return { exporter, tracing };
}

t.test('a request is a span of the trace that its fields name, and steps are its children', async (t) => {
  const { exporter, tracing } = open();
  const request = tracing.beginRequest('GET blob', { traceparent: PARENT, tracestate: 'a=1' });
  await request.run(async () => {
    const step = tracing.begin('authorize', 'internal', { 'berth.result': 'hit', ignored: undefined });
    await traced(step, async () => {
      t.match(tracing.fields(), { traceparent: /^00-0af7651916cd43dd8448eb211c80319c-/, tracestate: 'a=1' });
      t.equal(tracing.current()?.trace_id, '0af7651916cd43dd8448eb211c80319c');
    });
  });
  request.set({ 'http.response.status_code': 200 });
  request.end();
  request.end();
  const [step, whole] = exporter.getFinishedSpans();
  t.equal(exporter.getFinishedSpans().length, 2);
  t.match(whole, { name: 'GET blob', attributes: { 'http.response.status_code': 200 } });
  t.equal(whole?.parentSpanContext?.spanId, 'b7ad6b7169203331');
  t.equal(step?.parentSpanContext?.spanId, whole?.spanContext().spanId);
  t.match(step, { name: 'authorize', attributes: { 'berth.result': 'hit' } });
  t.match(whole?.resource.attributes, { 'service.name': 'berth', 'service.version': '1.2.3' });
  t.strictSame(tracing.fields(), {}, 'outside of it there is none');
  await tracing.close();
});

t.test('a step that fails says so by a word', async (t) => {
  const { exporter, tracing } = open();
  await t.rejects(
    traced(tracing.begin('GET registry', 'client'), async () => {
      throw Object.assign(new Error('with a secret'), { kind: 'connection_refused' });
    }),
  );
  const [span] = exporter.getFinishedSpans();
  t.match(span, { status: { code: 2 }, attributes: { 'error.type': 'connection_refused' } });
  t.notMatch(JSON.stringify([span?.events, span?.status, span?.attributes]), /secret/);
});

t.test('a trace that its client does not want recorded has no exemplar', async (t) => {
  const { exporter, tracing } = open();
  const request = tracing.beginRequest('GET', { traceparent: PARENT.replace(/01$/, '00') });
  request.run(() => t.equal(tracing.current(), undefined));
  request.end();
  t.strictSame(exporter.getFinishedSpans(), []);
});

t.test('off: nothing is recorded, and work is done', async (t) => {
  t.equal(await traced(NO_TRACING.begin('x', 'internal'), async () => 7), 7);
  t.strictSame(NO_TRACING.fields(), {});
  t.equal(NO_TRACING.current(), undefined);
  NO_TRACING.beginRequest('GET', {}).set({ a: 1 });
  await NO_TRACING.close();
});

t.test('settings', async (t) => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
  t.equal(readTraceSettings({}).kind, 'off');
  t.equal(readTraceSettings({ OTEL_TRACES_EXPORTER: 'none', ...endpoint }).kind, 'off');
  t.equal(readTraceSettings({ OTEL_SDK_DISABLED: 'TRUE', ...endpoint }).kind, 'off');
  t.equal(readTraceSettings(endpoint).kind, 'otlp');
  t.equal(readTraceSettings({ OTEL_TRACES_EXPORTER: 'otlp' }).kind, 'otlp');
  t.equal(readTraceSettings({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }).kind, 'otlp');
  for (const [env, message] of [
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, /set it to otlp or none/],
    [{ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /4318/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' }, /no http or https URL/],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'nonsense' }, /no http or https URL/],
  ] as const) {
    t.throws(() => readTraceSettings(env), { name: 'TraceSettingsError', message });
  }
});

t.test('a collector that is away is one line a minute', async (t) => {
  let now = 0;
  const lines: object[] = [];
  const log = createTraceLog({ warn: (facts: object) => void lines.push(facts) }, () => now);
  log.error('x'.repeat(1000));
  log.error('again');
  log.info('nobody wants this');
  now = 60_000;
  log.warn('still');
  t.strictSame(lines, [
    { detail: 'x'.repeat(200), unsaid: 0 },
    { detail: 'still', unsaid: 1 },
  ]);
});

t.test('a collector that refuses the last spans, or hangs, does not hold up the end', async (t) => {
  const lines: object[] = [];
  const processor: SpanProcessor = {
    onStart: () => undefined,
    onEnd: () => undefined,
    forceFlush: async () => undefined,
    shutdown: async () => {
      throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    },
  };
  const diagnostics = createTraceLog({ warn: (facts: object) => void lines.push(facts) });
  await createOtlpTracing({ version: '1', diagnostics, processor }).close();
  t.match(lines, [{ detail: 'the last spans: ECONNREFUSED' }]);
});
