import t from 'tap';
import { codeLabel, createMetrics, methodLabel } from '../../src/metrics/metrics.ts';

t.test('counters start at 0, also those with labels', async (t) => {
  const text = await createMetrics({ version: '1.2.3', revision: 'abc' }).text();
  for (const line of [
    'berth_build_info{version="1.2.3",revision="abc"} 1',
    'berth_tickets_issued_total 0',
    'berth_ticket_verifications_total{result="bad_signature"} 0',
    'berth_upstream_failures_total{upstream="storage",reason="dns_error"} 0',
    'berth_http_requests_total{server="data_endpoint",route="blob",method="GET",code="206"} 0',
    'berth_http_requests_in_flight{server="login_server"} 0',
    'berth_draining 0',
  ]) {
    t.ok(text.split('\n').includes(line), line);
  }
  t.match(text, /^process_resident_memory_bytes \d+$/m);
  t.match(text, /^nodejs_eventloop_lag_p99_seconds /m);
  for (const [, name = ''] of text.matchAll(/^# TYPE (\S+_total) gauge$/gm)) t.fail(`${name} is no counter`);
});

t.test('a scrape in one format takes nothing from the other', async (t) => {
  const metrics = createMetrics();
  metrics.ticketsIssued.inc({});
  const plain = (await metrics.exposition('prometheus')).text;
  const open = (await metrics.exposition('openmetrics')).text;
  t.match(plain, /^berth_tickets_issued_total 1$/m);
  t.match(open, /^# TYPE berth_tickets_issued counter$/m);
  t.match(open, /^berth_tickets_issued_total 1$/m);
  const types = (text: string) => text.split('\n').filter((line) => line.startsWith('# TYPE'));
  t.strictSame(types((await metrics.exposition('prometheus')).text), types(plain), 'after OpenMetrics, too');
  t.strictSame(types((await metrics.exposition('openmetrics')).text), types(open));
});

t.test('names follow the practices', (t) => {
  for (const { name, type, help } of createMetrics().descriptions) {
    t.match(name, /^berth_[a-z]+(_[a-z]+)*$/);
    t.equal(name.endsWith('_total'), type === 'counter', `${name}: _total on counters and on nothing else`);
    t.notMatch(name, /_(ms|milliseconds|kb|mb|mib|percent)(_|$)/);
    if (type === 'histogram') t.match(name, /_(seconds|bytes)$/);
    t.match(help, /^[A-Z0-9].+\.$/);
  }
  t.end();
});

t.test('no label could hold what a peer chooses', (t) => {
  const labels = new Set(
    createMetrics().descriptions.flatMap((description) => Object.keys(description.labels)),
  );
  for (const label of ['repository', 'tag', 'digest', 'path', 'url', 'host', 'client']) {
    t.notOk(labels.has(label), label);
  }
  const byRegistry = createMetrics().descriptions.filter((description) => 'registry' in description.labels);
  t.same(
    byRegistry.map(({ name }) => name),
    [
      'berth_data_endpoint_enabled',
      'berth_region_healthy',
      'berth_region_probes_total',
      'berth_region_requests_total',
      'berth_region_failovers_total',
    ],
    'registry is a name of the configuration, where the operator chooses',
  );
  t.equal(codeLabel(206), '206');
  t.equal(codeLabel(299), 'other');
  t.equal(codeLabel(Number.NaN), 'other');
  t.equal(methodLabel('GET'), 'GET');
  t.equal(methodLabel('PROPFIND'), 'other');
  t.equal(methodLabel(undefined), 'other');
  t.end();
});

t.test('the number of series at the start is bounded', async (t) => {
  const lines = (await createMetrics().text()).split('\n').filter((line) => line.startsWith('berth_'));
  t.ok(lines.length < 1000, `${lines.length} lines`);
});

t.test('handles add to their series when somebody looks', async (t) => {
  const { blobTransmitBytes, upstreamBytes, text } = createMetrics();
  const handle = blobTransmitBytes.handle({ source: 'upstream' });
  const same = blobTransmitBytes.handle({ source: 'upstream' });
  handle.inc(1000);
  same.inc(24);
  t.match(await text(), /^berth_blob_transmit_bytes_total\{source="upstream"\} 1024$/m);
  t.match(await text(), /^berth_blob_transmit_bytes_total\{source="upstream"\} 1024$/m, 'once');
  handle.inc();
  blobTransmitBytes.inc({ source: 'upstream' }, 75);
  t.equal(await blobTransmitBytes.value({ source: 'upstream' }), 1100);
  upstreamBytes.handle({ upstream: 'storage' }).inc(3);
  t.equal(await upstreamBytes.value({ upstream: 'storage' }), 3);
  t.equal(await upstreamBytes.value({ upstream: 'registry' }), 0);
});

t.test('gauges that are read at each scrape: summed, and taken away again', async (t) => {
  const { bufferPoolBytes, tlsCertificateNotAfter, draining } = createMetrics();
  let used = 10;
  const forget = bufferPoolBytes.collect(() => [[{ state: 'in_use' }, used]]);
  bufferPoolBytes.collect(() => [
    [{ state: 'in_use' }, 1],
    [{ state: 'free' }, 5],
  ]);
  t.equal(await bufferPoolBytes.value({ state: 'in_use' }), 11);
  used = 20;
  t.equal(await bufferPoolBytes.value({ state: 'in_use' }), 21);
  forget();
  t.equal(await bufferPoolBytes.value({ state: 'in_use' }), 1);
  t.equal(await bufferPoolBytes.value({ state: 'free' }), 5);

  tlsCertificateNotAfter.collect(() => [
    [{}, 300],
    [{}, 200],
  ]);
  tlsCertificateNotAfter.collect(() => []);
  t.equal(await tlsCertificateNotAfter.value({}), 200, 'the earliest counts');

  draining.set({}, 1);
  t.equal(await draining.value({}), 1);
});

t.test('histograms reach half an hour', async (t) => {
  const { httpRequestDuration, text } = createMetrics();
  const series = { server: 'data_endpoint', route: 'blob', method: 'GET', code: '200' } as const;
  t.equal(await httpRequestDuration.count(series), 0);
  httpRequestDuration.observe(series, 1700);
  t.equal(await httpRequestDuration.count(series), 1);
  t.match(await text(), /berth_http_request_duration_seconds_bucket\{le="1800",.*\} 1$/m);
  t.match(await text(), /berth_http_request_duration_seconds_bucket\{le="600",.*\} 0$/m);
});

t.test('two instances share nothing', async (t) => {
  const [a, b] = [createMetrics(), createMetrics()];
  a.ticketsIssued.inc({});
  t.equal(await b.ticketsIssued.value({}), 0);
});
