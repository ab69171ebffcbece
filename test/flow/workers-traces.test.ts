import { once } from 'node:events';
import t from 'tap';
import { digestOf } from '../support/image.ts';
import { startOtlpReceiver } from '../support/otlp-receiver.ts';
import { openWorkers } from './workers-scene.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';

t.test('O1 what the primary does for a request of a worker is part of its trace', async (t) => {
  const receiver = await startOtlpReceiver();
  t.teardown(() => receiver.close());
  const scene = await openWorkers(t, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint } });
  const headers = { traceparent: `00-${TRACE}-b7ad6b7169203331-01` };
  t.equal(digestOf((await scene.send(scene.blobPath, { headers })).body), scene.digest);
  scene.primary.kill('SIGTERM');
  await once(scene.primary, 'exit');

  const spans = receiver.spans.filter(({ traceId }) => traceId === TRACE);
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const above = (id: string): string[] => {
    const span = byId.get(id);
    return span === undefined ? [] : [...above(span.parentSpanId), span.name];
  };
  const fetched = spans.filter(({ name }) => name === 'GET storage');
  t.ok(fetched.length > 0, spans.map(({ name }) => name).join());
  for (const { parentSpanId } of fetched) t.same(above(parentSpanId), ['GET blob', 'fill']);
  t.equal(byId.get(fetched[0]?.spanId ?? '')?.traceId, TRACE);
  for (const { headers: sent } of scene.storage.requests) t.equal(sent['traceparent'], undefined);
});
