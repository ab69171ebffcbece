import t from 'tap';
import { accessLine, errorOf, openScene, stableHeaders } from './scene.ts';

t.test('D1 only GET and HEAD; what clients send along by mistake goes nowhere', async (t) => {
  const scene = await openScene(t);
  const url = await scene.ticketUrl();
  for (const method of ['PUT', 'POST', 'PATCH', 'DELETE']) {
    const refused = await scene.send(url, method === 'DELETE' ? { method } : { method, body: 'x' });
    t.equal(refused.status, 405, method);
    t.equal(errorOf(refused).code, 'UNSUPPORTED');
    t.equal(refused.headers.allow, 'GET, HEAD');
  }
  t.equal(scene.storage.requests.length, 0, 'nothing reached storage');
  const headers = {
    authorization: 'Bearer secret',
    cookie: 'a=b',
    referer: 'https://contoso.registry.example/',
    'x-ms-range': 'bytes=0-1',
    'x-ms-copy-source': 'https://attacker.example/',
    'x-amz-date': 'now',
  };
  const got = await scene.send(url, { headers });
  t.equal(got.status, 200);
  t.same(got.body, scene.blob);
  t.strictSame(
    Object.keys(scene.storage.requests[0]?.headers ?? {}).toSorted(),
    ['accept-encoding', 'connection', 'host'],
    'storage sees nothing of the client',
  );
});

t.test('D2 a ticket that is not good here is 403, never 401, and counted by reason', async (t) => {
  const scene = await openScene(t, {
    registry: {
      regions: [
        { name: 'eastus', match: ['eus*.blob.core.windows.net'], upstream: null, clients: [] },
        { name: 'westus', match: ['wus*.blob.core.windows.net'], upstream: null, clients: [] },
      ],
    },
  });
  const url = new URL(await scene.ticketUrl());
  const withParam = (name: string, value: string) => {
    const changed = new URL(url);
    changed.searchParams.set(name, value);
    return changed.href;
  };
  const sealed = url.searchParams.get('t') ?? '';
  const flipped = `${sealed.slice(0, -8)}${sealed.at(-8) === 'A' ? 'B' : 'A'}${sealed.slice(-7)}`;
  const rows = [
    { why: 'malformed', url: `${url.origin}/` },
    { why: 'malformed', url: url.href.replace('/?', '/other?') },
    { why: 'bad_signature', url: withParam('t', flipped) },
    { why: 'wrong_blob', url: withParam('d', `sha256:${'0'.repeat(64)}`) },
    { why: 'wrong_repository', url: withParam('r', 'team/other') },
    { why: 'wrong_host', url: url.href.replace('.eastus.', '.westus.') },
  ];
  for (const row of rows) {
    const before = await scene.berth.metric('berth_ticket_verifications_total', { result: row.why });
    for (const method of ['GET', 'HEAD']) {
      const refused = await scene.send(row.url, { method });
      t.equal(refused.status, 403, `${method} ${row.why}`);
      t.equal(refused.headers['www-authenticate'], undefined);
      if (method === 'GET') t.equal(errorOf(refused).code, 'DENIED');
    }
    const after = await scene.berth.metric('berth_ticket_verifications_total', { result: row.why });
    t.equal(after - before, 2, row.why);
  }
  t.equal(scene.storage.requests.length, 0);
});

t.test('D2 tickets of another key, of another registry, and expired ones', async (t) => {
  const scene = await openScene(t);
  const other = await openScene(t);
  const foreign = await other.ticketUrl();
  t.equal((await scene.send(foreign)).status, 403, 'keys of another Berth');
  t.equal(await scene.berth.metric('berth_ticket_verifications_total', { result: 'unknown_key' }), 1);

  const short = await openScene(t, { config: { ticket: { keyFile: null, lifetimeSeconds: 0 } } });
  const expired = await short.send(await short.ticketUrl());
  t.equal(expired.status, 403);
  t.match(errorOf(expired).message, /expired/);
  t.equal(await short.berth.metric('berth_ticket_verifications_total', { result: 'expired' }), 1);
});

t.test('D3 D4 HEAD has exactly the fields of the whole GET, which are our own', async (t) => {
  const scene = await openScene(t);
  const url = await scene.ticketUrl();
  const get = await scene.send(url);
  const head = await scene.send(url, { method: 'HEAD' });
  t.equal(get.status, 200);
  t.equal(head.status, 200);
  t.strictSame(stableHeaders(head), stableHeaders(get));
  t.strictSame(stableHeaders(get), {
    'content-type': 'application/octet-stream',
    'content-length': String(scene.blob.length),
    'accept-ranges': 'bytes',
    'docker-content-digest': scene.digest,
    etag: `"${scene.digest}"`,
    'cache-control': 'private, max-age=31536000, immutable',
    connection: 'keep-alive',
    'keep-alive': 'timeout=75',
  });
  t.equal(head.body.length, 0);
  t.ok(
    scene.storage.requests.every(({ method }) => method === 'GET'),
    'storage only ever sees GET',
  );
});

t.test('D5 D6 single ranges in every form, before and after the length is known', async (t) => {
  const size = 300_000;
  const rows = [
    { range: 'bytes=0-0', from: 0, to: 0 },
    { range: 'bytes=500-1499', from: 500, to: 1499 },
    { range: 'bytes=500-', from: 500, to: size - 1 },
    { range: 'bytes=-500', from: size - 500, to: size - 1 },
    { range: `bytes=-${size * 2}`, from: 0, to: size - 1 },
    { range: `bytes=299000-${size * 2}`, from: 299_000, to: size - 1 },
    { range: 'bytes=0-', from: 0, to: size - 1 },
    { range: 'bytes=500-0' },
    { range: `bytes=${size}-` },
    { range: `bytes=${size}-${size + 10}` },
    { range: 'bytes=-0' },
  ];
  for (const { range, from, to } of rows) {
    // A fresh scene knows no length; the second question of the same does.
    const scene = await openScene(t, { blobBytes: size });
    const url = await scene.ticketUrl();
    for (const known of [false, true]) {
      const got = await scene.send(url, { headers: { range } });
      if (from === undefined) {
        t.equal(got.status, 416, `${range} known=${known}`);
        t.equal(got.headers['content-range'], `bytes */${size}`);
        t.equal(errorOf(got).code, 'SIZE_INVALID');
      } else {
        t.equal(got.status, 206, `${range} known=${known}`);
        t.equal(got.headers['content-range'], `bytes ${from}-${to}/${size}`);
        t.equal(got.headers['content-length'], String(to - from + 1));
        t.equal(got.headers['content-type'], 'application/octet-stream');
        t.ok(got.body.equals(scene.blob.subarray(from, to + 1)), 'bytes');
      }
    }
    const seen = scene.storage.requests.map(({ headers }) => headers.range);
    t.ok(
      seen.every((value) => value === undefined || /^bytes=\d+-\d*$/.test(value)),
      `storage saw ${seen.join(' ')}`,
    );
  }
});

t.test('D7 a source that ignores Range is cut to size; one that lies is 502', async (t) => {
  const scene = await openScene(t);
  scene.storage.fault = { kind: 'ignoresRange' };
  const url = await scene.ticketUrl();
  const cut = await scene.send(url, { headers: { range: 'bytes=1000-1999' } });
  t.equal(cut.status, 206);
  t.ok(cut.body.equals(scene.blob.subarray(1000, 2000)));
  t.equal(cut.headers['content-range'], `bytes 1000-1999/${scene.blob.length}`);
  const suffix = await scene.send(url, { headers: { range: 'bytes=-100' } });
  t.ok(suffix.body.equals(scene.blob.subarray(-100)));

  for (const how of ['shifted', 'otherTotal', 'noContentRange', 'badContentRange'] as const) {
    scene.storage.fault = null;
    await scene.send(url, { method: 'HEAD' });
    scene.storage.fault = { kind: 'liesAboutRange', how };
    const lie = await scene.send(url, { headers: { range: 'bytes=1000-1999' } });
    t.equal(lie.status, 502, how);
    t.equal(errorOf(lie).detail.requestId, lie.headers['x-request-id']);
  }
  scene.storage.fault = { kind: 'liesAboutRange', how: 'tooShort' };
  const short = await scene.send(url, { headers: { range: 'bytes=1000-1999' } });
  t.ok(short.status === 502 || short.ended !== 'complete', 'a body that is too short never looks complete');
});

t.test('D8 conditions', async (t) => {
  const scene = await openScene(t);
  const url = await scene.ticketUrl();
  const tag = `"${scene.digest}"`;
  const range = 'bytes=0-9';
  t.equal((await scene.send(url, { headers: { range, 'if-range': tag } })).status, 206);
  t.equal((await scene.send(url, { headers: { range, 'if-range': '"other"' } })).status, 200);
  t.equal(
    (await scene.send(url, { headers: { range, 'if-range': `W/${tag}` } })).status,
    200,
    'weak never matches',
  );
  const seen = scene.storage.requests.length;
  for (const method of ['GET', 'HEAD']) {
    const unchanged = await scene.send(url, { method, headers: { 'if-none-match': `"x", W/${tag}` } });
    t.equal(unchanged.status, 304);
    t.equal(unchanged.headers.etag, tag);
    t.equal(unchanged.body.length, 0);
  }
  t.equal(scene.storage.requests.length, seen, 'answered without storage');
});

for (const algorithm of ['sha256', 'sha512'] as const) {
  t.test(`D9 a whole blob is verified (${algorithm}): a wrong one never completes`, async (t) => {
    for (const blobBytes of [0, 1, 65_536, 65_537, 5_000_000]) {
      const scene = await openScene(t, { blobBytes, algorithm });
      const url = await scene.ticketUrl();
      const right = await scene.send(url);
      t.equal(right.status, 200, `${blobBytes}`);
      t.equal(right.ended, 'complete');
      t.ok(right.body.equals(scene.blob));
      if (blobBytes === 0) continue;
      scene.storage.fault = { kind: 'wrongBytes' };
      for (const headers of [{}, { range: 'bytes=0-' }]) {
        const wrong = await scene.send(url, { headers }).catch(() => undefined);
        t.not(wrong?.ended, 'complete');
        t.ok((wrong?.body.length ?? 0) <= blobBytes - Math.min(65_536, blobBytes), 'the end was held back');
      }
      t.equal(await scene.berth.metric('berth_blob_digest_mismatches_total', { stage: 'blob' }), 2);
      t.ok(await accessLine(scene, ({ outcome }) => outcome === 'digest_mismatch'));
    }
  });
}

t.test('D10 a source that ends early or stalls ends the response short, with FIN', async (t) => {
  const config = {
    timeouts: {
      connectSeconds: 5,
      headersSeconds: 5,
      commitSeconds: 30,
      idleSeconds: 1,
      requestHeadersSeconds: 5,
      drainSeconds: 1,
    },
  };
  const scene = await openScene(t, { blobBytes: 2_000_000, config });
  const url = await scene.ticketUrl();
  const faults = [
    { kind: 'cutAfter', bytes: 900_000, how: 'fin' },
    { kind: 'cutAfter', bytes: 900_000, how: 'reset' },
    { kind: 'stallsAfter', bytes: 900_000 },
  ] as const;
  for (const fault of faults) {
    scene.storage.fault = fault;
    const got = await scene.send(url);
    t.equal(got.status, 200);
    t.equal(got.ended, 'short', JSON.stringify(fault));
    t.ok(scene.blob.subarray(0, got.body.length).equals(got.body), 'what came is right');
  }
  t.ok((await scene.berth.metric('berth_blob_incomplete_total')) >= faults.length);
  scene.storage.fault = null;
  t.equal((await scene.send(url)).ended, 'complete', 'the next request is not harmed');
});

t.test('D11 statuses of storage', async (t) => {
  const scene = await openScene(t);
  const url = await scene.ticketUrl();
  const expected = { 401: 403, 403: 403, 404: 502, 410: 502, 429: 429, 500: 502, 503: 503 };
  for (const [status, answer] of Object.entries(expected)) {
    scene.storage.fault = { kind: 'status', status: Number(status), headers: { 'retry-after': '7' } };
    for (const request of [{}, { headers: { range: 'bytes=0-9' } }, { method: 'HEAD' }]) {
      const got = await scene.send(url, request);
      t.equal(got.status, answer, `storage says ${status}`);
      t.equal(got.headers['www-authenticate'], undefined);
      if (answer === 429 || answer === 503) t.equal(got.headers['retry-after'], '7');
      t.notMatch(JSON.stringify(got.headers) + got.body.toString(), /blob\.core\.windows\.net|sig=/);
    }
  }
});

t.test('D12 redirects of storage: three hops in all, each checked', async (t) => {
  const scene = await openScene(t);
  const url = await scene.ticketUrl();
  scene.storage.fault = { kind: 'redirectLoop' };
  t.equal((await scene.send(url)).status, 502);
  t.equal(scene.storage.requests.length, 3, 'the location and two redirects');
  scene.storage.fault = { kind: 'redirect', location: 'https://attacker.example/blob' };
  t.equal((await scene.send(url)).status, 502);
});

t.test('D13 a storage name that resolves to a private address is refused when connecting', async (t) => {
  const scene = await openScene(t, { upstream: { allowedPrivateAddresses: [] } });
  const got = await scene.send(scene.blobPath);
  t.equal(got.status, 502, 'the upstream itself is on loopback, and not allowed');
  t.equal(scene.registry.requests.length, 0, 'no byte reached it');
});
