import t from 'tap';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts';
import { testDirectory } from '../support/test-directory.ts';
import { openScene, REPOSITORY, type Scene } from './scene.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`;

t.test(
  'O1 a pull is a trace: its steps below each request, forwarded to the registry and never to storage',
  async (t) => {
    const receiver = await startOtlpReceiver();
    t.teardown(() => receiver.close());
    // The SDK reads these itself, from the process.
    process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = receiver.endpoint;
    process.env['OTEL_EXPORTER_OTLP_HEADERS'] = 'x-key=abc';
    process.env['OTEL_RESOURCE_ATTRIBUTES'] = 'deployment.environment.name=test';
    const cache = { ...NO_BLOB_CACHE, memoryMaxBytes: 1024 * 1024, directory: testDirectory(t) };
    const scene = await openScene(t, { env: process.env, config: { cache } });
    const headers = { traceparent: TRACEPARENT };
    await scene.send(`/v2/${REPOSITORY}/manifests/${scene.manifestDigest}`, { headers });
    const url = await scene.ticketUrl(headers);
    const blob = await scene.send(url, { headers });
    t.ok(blob.body.equals(scene.blob));
    const exemplars = await exemplarsOf(scene);
    await scene.berth.close();

    const spans = receiver.spans.filter(({ traceId }) => traceId === TRACE);
    const named = (name: string): ReceivedSpan | undefined => spans.find((span) => span.name === name);
    const manifest = named('GET manifest');
    t.match(manifest?.attributes, {
      'http.response.status_code': 200,
      'server.address': 'contoso.registry.example',
      'berth.registry': 'contoso',
      'berth.repository': REPOSITORY,
      'berth.outcome': 'ok',
    });
    t.equal(manifest?.parentSpanId, 'b7ad6b7169203331');
    const below = (parent: ReceivedSpan | undefined): string[] =>
      spans
        .filter(({ parentSpanId }) => parentSpanId === parent?.spanId)
        .flatMap((span) => [span.name, ...below(span)])
        .toSorted();
    t.ok(below(manifest).includes('authorize'), below(manifest).join());
    t.ok(
      below(manifest).includes('HEAD registry') || below(manifest).includes('GET registry'),
      below(manifest).join(),
    );
    const delivered = spans.find(({ attributes }) => attributes['berth.door'] === 'data_endpoint');
    t.ok(below(delivered).includes('cache'), below(delivered).join());
    t.ok(below(delivered).includes('fill'), below(delivered).join());
    t.ok(below(delivered).includes('GET storage'), below(delivered).join());

    t.match(receiver.headers[0], { 'x-key': 'abc' });
    t.match(receiver.resources[0], { 'service.name': 'berth', 'deployment.environment.name': 'test' });
    const forwarded = scene.registry.requests.filter(
      ({ headers: sent }) => sent['traceparent'] !== undefined,
    );
    t.ok(forwarded.length > 0, 'the registry can go on with the trace');
    for (const { headers: sent } of forwarded) t.match(sent['traceparent'], new RegExp(`^00-${TRACE}-`));
    for (const { headers: sent } of scene.storage.requests) {
      t.equal(sent['traceparent'], undefined, 'storage is told nothing');
      t.equal(sent['tracestate'], undefined);
    }
    t.match(exemplars, new RegExp(`# \\{trace_id="${TRACE}",span_id="[0-9a-f]{16}"\\}`));
    const said = JSON.stringify(receiver.spans);
    t.notMatch(said, /[?&]t=|sig=/, 'no ticket and no signature');
    t.ok(scene.berth.log.some((line) => line['msg'] === 'request' && line['traceId'] === TRACE));
  },
);

async function exemplarsOf({ berth }: Scene): Promise<string> {
  const { body, headers } = await berth.scrape({ accept: 'application/openmetrics-text; version=1.0.0' });
  if (!String(headers['content-type']).startsWith('application/openmetrics-text'))
    throw new Error('no OpenMetrics');
  return body.toString();
}

t.test('O2 a collector that is away is a line of the log, and no request waits for it', async (t) => {
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = 'http://127.0.0.1:9';
  process.env['OTEL_BSP_SCHEDULE_DELAY'] = '10';
  const scene = await openScene(t, { env: process.env });
  const got = await scene.send(`/v2/${REPOSITORY}/manifests/${scene.manifestDigest}`);
  t.equal(got.status, 200);
  await scene.berth.close();
  t.ok(scene.berth.log.some(({ level, msg }) => level === 'warn' && /traces are not sent/.test(String(msg))));
});

t.test('O3 without the variables nothing is recorded, nothing added and nothing loaded', async (t) => {
  const scene = await openScene(t);
  await scene.send(`/v2/${REPOSITORY}/manifests/${scene.manifestDigest}`);
  for (const { headers } of scene.registry.requests) t.equal(headers['traceparent'], undefined);
  t.notOk(scene.berth.log.some((line) => 'traceId' in line));
});
