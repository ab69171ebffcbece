import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { jwtOf, setClock } from './callers.ts';
import { behindProxy, FREE, from, holdUpstream, limited, queueLength, TAGS } from './limiting.ts';
import { errorOf, openScene, REPOSITORY } from './scene.ts';

t.test('L1 long and slow header sections, and bodies that stand still', async (t) => {
  const scene = await openScene(t, {
    config: {
      timeouts: {
        connectSeconds: 5,
        headersSeconds: 10,
        commitSeconds: 30,
        idleSeconds: 1,
        requestHeadersSeconds: 1,
        drainSeconds: 1,
      },
    },
    registry: { scheme: 'http' },
    tls: false,
  });
  const long = await scene.send('/v2/', { headers: { cookie: 'x'.repeat(20_000) } });
  t.equal(long.status, 431);
  t.equal(errorOf(long).code, 'SIZE_INVALID');
  for (const text of [
    'GET /v2/ HTTP/1.1\r\nHost: contoso.registry.example\r\n',
    `POST /v2/${REPOSITORY}/blobs/uploads/ HTTP/1.1\r\nHost: contoso.registry.example\r\nContent-Length: 9\r\n\r\nhalf`,
  ]) {
    const socket = connect(scene.berth.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(text);
    await once(socket, 'close');
  }
  t.pass('both connections ended');
});

t.test('L2 requests of one client: 429 at every door, others go on', async (t) => {
  const scene = await openScene(t, {
    config: behindProxy({ requestsPerClient: { perSecond: 1, burst: 3 } }),
    registry: { scheme: 'http' },
    tls: false,
  });
  const ticket = await scene.ticketUrl(from('192.0.2.1').headers);
  await scene.send('/v2/', from('192.0.2.1'));
  t.equal((await scene.send(ticket, from('192.0.2.1'))).status, 200, 'the third of three');
  for (const url of [ticket, '/v2/', scene.blobPath]) {
    const refused = await scene.send(url, from('192.0.2.1'));
    t.equal(refused.status, 429, url);
    t.equal(errorOf(refused).code, 'TOOMANYREQUESTS');
    t.equal(refused.headers['retry-after'], '1');
  }
  t.equal((await scene.send('/v2/', from('192.0.2.2'))).status, 200, 'another client');
  for (let at = 0; at < 3; at += 1) await scene.send('/v2/', from(`2001:db8::${at}`));
  t.equal((await scene.send('/v2/', from('2001:db8::ffff'))).status, 429, 'one /64 is one client');
  t.equal((await scene.send('/v2/', from('2001:db8:0:1::1'))).status, 200, 'another /64 is not');
  t.equal(await scene.berth.metric('berth_client_limit_refusals_total', { limit: 'requests' }), 4);
});

t.test('L3 connections of one client beyond the limit are closed', async (t) => {
  const scene = await openScene(t, { config: limited({ connectionsPerClient: 2 }) });
  const open = () => {
    const socket = connect(scene.berth.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    return socket;
  };
  const sockets = [open(), open()];
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  await t.rejects(scene.send('/v2/'), 'the third');
  t.equal(
    await scene.berth.metric('berth_connections_refused_total', { reason: 'client_connection_limit' }),
    1,
  );
  for (const socket of sockets) socket.destroy();
  const deadline = Date.now() + 5000;
  while ((await scene.berth.metric('berth_connections_open')) > 0) {
    if (Date.now() > deadline) throw new Error('the connections are not gone within 5 s');
  }
  t.equal((await scene.send('/v2/')).status, 200, 'those that ended do not count');
});

t.test("L3 a proxy's connections carry many clients and do not count", async (t) => {
  const scene = await openScene(t, {
    config: behindProxy({ connectionsPerClient: 1 }),
    registry: { scheme: 'http' },
    tls: false,
  });
  const held = connect(scene.berth.port, '127.0.0.1');
  t.teardown(() => held.destroy());
  await once(held, 'connect');
  t.equal((await scene.send('/v2/', from('192.0.2.1'))).status, 200);
});

t.test('L4 blob transfers to one client at a time', async (t) => {
  for (const delivery of ['dedicated', 'inline'] as const) {
    const scene = await openScene(t, {
      config: limited({ transfersPerClient: 1 }),
      registry: { delivery },
      blobBytes: 2_000_000,
    });
    const url = delivery === 'dedicated' ? await scene.ticketUrl() : scene.blobPath;
    t.equal((await scene.send(url, { method: 'HEAD' })).status, 200);
    const asked = scene.storage.requests.length;
    scene.storage.fault = { kind: 'silent' };
    const leave = Promise.withResolvers<void>();
    const first = scene.send(url, { hangUpWhen: leave.promise }).catch(() => undefined);
    const deadline = Date.now() + 5000;
    while (scene.storage.requests.length === asked) {
      if (Date.now() > deadline) throw new Error('the first transfer does not begin within 5 s');
      await new Promise((resolve) => setImmediate(resolve));
    }
    const refused = await scene.send(url);
    t.equal(refused.status, 429, delivery);
    t.equal(errorOf(refused).code, 'TOOMANYREQUESTS');
    t.match(refused.headers['retry-after'], /^\d+$/);
    t.equal((await scene.send(url, { method: 'HEAD' })).status, 200, 'HEAD is no transfer');
    t.equal(await scene.berth.metric('berth_client_limit_refusals_total', { limit: 'transfers' }), 1);
    scene.storage.fault = null;
    leave.resolve();
    await first;
    let next = await scene.send(url);
    while (next.status === 429) {
      if (Date.now() > deadline) throw new Error('the place is not free within 5 s');
      next = await scene.send(url);
    }
    t.equal(next.body.length, scene.blob.length, 'the place is free again');
  }
});

t.test(
  'L5 more questions than the upstream is asked at a time wait; beyond the queue they are 503',
  async (t) => {
    // Half of the places is what one client gets.
    const limits = { ...FREE, concurrency: 4, queueLength: 1 };
    const scene = await openScene(t, { upstream: { limits }, registry: { publicProbe: false } });
    const upstream = holdUpstream(scene);
    const answers = [scene.send(TAGS), scene.send(TAGS)];
    await upstream.until(2);
    answers.push(scene.send(TAGS));
    await queueLength(scene, 1);
    t.equal(upstream.held.length, 2, 'the third is not asked');
    const refused = await scene.send(TAGS);
    t.equal(refused.status, 503);
    t.match(refused.headers['retry-after'], /^\d+$/);
    upstream.held[0]?.release();
    await upstream.until(3);
    for (const question of upstream.held.slice(1)) question.release();
    t.same(
      (await Promise.all(answers)).map(({ status }) => status),
      [200, 200, 200],
    );
    t.equal(await scene.berth.metric('berth_upstream_throttled_total', { reason: 'queue_full' }), 1);
  },
);

t.test('L5 who waits too long is 503', async (t) => {
  const limits = { ...FREE, concurrency: 1, queueSeconds: 1 };
  const scene = await openScene(t, { upstream: { limits } });
  const upstream = holdUpstream(scene);
  const first = scene.send(TAGS);
  await upstream.until(1);
  const late = await scene.send(TAGS);
  t.equal(late.status, 503);
  t.match(late.headers['retry-after'], /^\d+$/);
  upstream.held[0]?.release();
  t.equal((await first).status, 200);
  t.equal(await scene.berth.metric('berth_upstream_throttled_total', { reason: 'wait_too_long' }), 1);
});

t.test('L5 an upload under way is not counted', async (t) => {
  const scene = await openScene(t, { upstream: { limits: { ...FREE, concurrency: 1, queueSeconds: 1 } } });
  const hold = Promise.withResolvers<void>();
  const leave = Promise.withResolvers<void>();
  async function* slowly() {
    yield Buffer.from('the beginning');
    await hold.promise;
  }
  const path = `/v2/${REPOSITORY}/blobs/uploads/?digest=${scene.digest}`;
  const upload = scene
    .send(path, { method: 'POST', stream: slowly(), hangUpWhen: leave.promise })
    .catch(() => undefined);
  const deadline = Date.now() + 5000;
  while (!scene.registry.requests.some(({ method }) => method === 'POST')) {
    if (Date.now() > deadline) throw new Error('the upload does not begin within 5 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal((await scene.send(TAGS)).status, 200);
  leave.resolve();
  hold.resolve();
  await upload;
});

t.test('L6 in no minute more questions than the budget', async (t) => {
  const clock = setClock(t);
  const scene = await openScene(t, { upstream: { limits: { ...FREE, requestsPerMinute: 3 } } });
  for (let at = 0; at < 3; at += 1) t.equal((await scene.send(TAGS)).status, 200);
  clock.advance(20);
  const refused = await scene.send(TAGS);
  t.equal(refused.status, 429);
  t.equal(errorOf(refused).code, 'TOOMANYREQUESTS');
  const seconds = Number(refused.headers['retry-after']);
  t.ok(seconds > 30 && seconds <= 40, `${seconds} s until the next turn`);
  clock.advance(seconds);
  t.equal((await scene.send(TAGS)).status, 200, 'then it is');
});

t.test("L6 a login at the registry's own host is in the budget", async (t) => {
  const scene = await openScene(t, {
    auth: { kind: 'bearer', publicRepositories: ['*'] },
    upstream: { limits: { ...FREE, requestsPerMinute: 1 } },
  });
  const login = `/oauth2/token?service=${scene.registry.host}&scope=repository:${REPOSITORY}:pull`;
  t.equal((await scene.send(login)).status, 200);
  const refused = await scene.send(login);
  t.equal(refused.status, 429);
  t.match(refused.headers['retry-after'], /^\d+$/);
});

t.test('L7 a 429 of the upstream counts for whoever asks with the same credentials', async (t) => {
  const clock = setClock(t);
  const scene = await openScene(t, { registry: { publicProbe: false } });
  const as = (name: string) => ({ headers: { authorization: jwtOf(name, clock.now() + 3_600_000) } });
  const [ana, bob] = [as('ana'), as('bob')];
  let throttling = true;
  scene.registry.intercept = ({ response }) => {
    if (!throttling) return false;
    response.writeHead(429, { 'retry-after': '120', 'content-type': 'application/json' });
    response.end('{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}');
    return true;
  };
  const said = await scene.send(TAGS, ana);
  t.equal(said.status, 429);
  t.equal(errorOf(said).message, 'slow down', "the upstream's own words");
  throttling = false;
  const asked = scene.registry.requests.length;
  clock.advance(20);
  const spared = await scene.send(TAGS, ana);
  t.equal(spared.status, 429);
  const seconds = Number(spared.headers['retry-after']);
  t.ok(seconds > 30 && seconds <= 40, `the rest of one minute: ${seconds} s`);
  t.equal(scene.registry.requests.length, asked, 'the upstream hears nothing');
  t.equal((await scene.send(TAGS, bob)).status, 200, 'others are asked for');
  clock.advance(seconds);
  t.equal((await scene.send(TAGS, ana)).status, 200, 'and when it is over');
  t.equal(await scene.berth.metric('berth_upstream_throttled_total', { reason: 'upstream_paused' }), 1);
});

t.test('L8 turns go around among clients, and who leaves leaves the queue', async (t) => {
  const scene = await openScene(t, {
    config: behindProxy(),
    registry: { scheme: 'http' },
    tls: false,
    upstream: { limits: { ...FREE, concurrency: 1 } },
  });
  const upstream = holdUpstream(scene);
  const ask = (address: string, hangUpWhen?: Promise<void>) =>
    scene.send(TAGS, {
      headers: { 'x-forwarded-for': address, 'user-agent': address },
      ...(hangUpWhen && { hangUpWhen }),
    });
  const leave = Promise.withResolvers<void>();
  const answers = [ask('192.0.2.1')];
  await upstream.until(1);
  // One after the other, so that the order in the queue is known.
  for (const [at, address] of ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.3'].entries()) {
    answers.push(ask(address));
    await queueLength(scene, at + 1);
  }
  const left = ask('192.0.2.4', leave.promise).catch(() => 'left');
  await queueLength(scene, 6);
  leave.resolve();
  t.equal(await left, 'left');
  await queueLength(scene, 5);
  for (let at = 0; at < 6; at += 1) {
    await upstream.until(at + 1);
    upstream.held[at]?.release();
  }
  t.same(
    (await Promise.all(answers)).map(({ status }) => status),
    [200, 200, 200, 200, 200, 200],
  );
  t.same(
    upstream.held.map(({ client }) => client.slice(-1)),
    ['1', '1', '2', '3', '1', '1'],
    'the one that asked most does not come first each time; the one that left never',
  );
});
