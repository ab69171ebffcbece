import t, { type Test } from 'tap';
import { createHealthListener } from '../../src/listener/health-listener.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { exchange, openRaw, parseResponse } from './fixture.ts';

async function startHealth(t: Test, checks: Record<string, () => boolean>) {
  const metrics = createMetrics();
  const health = createHealthListener({ address: '127.0.0.1', port: 0 }, { metrics, checks });
  const { port } = await health.listen();
  t.teardown(() => health.close());
  const get = async (path: string, method = 'GET') =>
    parseResponse(await exchange(t, port, `${method} ${path} HTTP/1.1\r\nHost: probe`));
  return { health, metrics, port, get };
}

t.test('/livez and /readyz', async (t) => {
  const state = { listening: false, draining: false };
  const { get } = await startHealth(t, { listening: () => state.listening, draining: () => !state.draining });
  t.match(await get('/livez'), { status: 200, body: 'ok\n' });
  t.match(await get('/readyz'), { status: 503, body: 'not ready: listening\n' });
  state.listening = true;
  t.match(await get('/readyz'), { status: 200, body: 'ok\n' });
  state.draining = true;
  t.match(await get('/readyz'), { status: 503, body: 'not ready: draining\n' });
  t.match(await get('/livez'), { status: 200 }, 'draining is alive');
  t.match(await get('/livez', 'HEAD'), { status: 200, body: '' });
});

t.test('/metrics in the text format', async (t) => {
  const { get, metrics } = await startHealth(t, {});
  metrics.ticketsIssued.inc({}, 3);
  const { status, headers, body } = await get('/metrics');
  t.equal(status, 200);
  t.match(headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  t.match(body, /^berth_tickets_issued_total 3$/m);
});

t.test('everything else is 404 and not repeated', async (t) => {
  const { get } = await startHealth(t, {});
  for (const path of ['/', '/metrics/x?sig=hunter2', '/%zz']) {
    const { status, body } = await get(path);
    t.equal(status, 404);
    t.notMatch(body, /hunter2|zz/);
  }
  t.match(await get('/metrics', 'POST'), { status: 404 });
});

t.test('close does not wait for a scraper that keeps its connection', async (t) => {
  const { health, port } = await startHealth(t, {});
  const scraper = await openRaw(t, port);
  scraper.send('GET /livez HTTP/1.1\r\nHost: probe\r\n\r\n');
  await scraper.received('ok\n');
  await health.close();
  t.match(await scraper.closed(), /200 OK/);
});
