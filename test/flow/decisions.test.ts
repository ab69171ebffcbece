import t from 'tap';
import { basic, bearerOf, jwtOf, setClock, USERS } from './callers.ts';
import { openScene, REPOSITORY, type Scene } from './scene.ts';

const manifestPath = ({ manifestDigest }: Scene) => `/v2/${REPOSITORY}/manifests/${manifestDigest}`;

/** Requests for manifests and blobs that reached the registry since the last call. */
function asked({ registry }: Scene): number {
  const count = registry.count('manifest') + registry.count('blob');
  registry.requests.length = 0;
  return count;
}

/** Answers with this status for as long as the test says. */
function answerStatus(scene: Scene, status: number): void {
  scene.registry.intercept = ({ response }, endpoint) => {
    if (endpoint !== 'manifest' && endpoint !== 'blob') return false;
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': 2 });
    response.end('{}');
    return true;
  };
}

t.test('C7 a decision is kept for authorizationTtlSeconds, per credentials and subject', async (t) => {
  const clock = setClock(t);
  const scene = await openScene(t, { registry: { publicProbe: false, authorizationTtlSeconds: 60 } });
  for (const path of [manifestPath(scene), scene.blobPath]) {
    const send = (authorization?: string) =>
      scene.send(path, authorization === undefined ? {} : { headers: { authorization } });
    asked(scene);
    const { status } = await send('Bearer a');
    t.ok(status < 400);
    t.equal(asked(scene), 1, path);
    clock.advance(59);
    t.equal((await send('Bearer a')).status, status);
    t.equal(asked(scene), 0, 'kept');
    await send('Bearer b');
    await send();
    t.equal(asked(scene), 2, 'other credentials, and none, are questions of their own');
    clock.advance(2);
    await send('Bearer a');
    t.equal(asked(scene), 1, 'the time is over');
  }
});

t.test('C7 never past the end of the token', async (t) => {
  const clock = setClock(t);
  const scene = await openScene(t, { registry: { publicProbe: false, authorizationTtlSeconds: 60 } });
  const headers = { authorization: jwtOf('ana', clock.now() + 10_000) };
  for (const path of [manifestPath(scene), scene.blobPath]) await scene.send(path, { headers });
  t.equal(asked(scene), 2);
  clock.advance(8);
  for (const path of [manifestPath(scene), scene.blobPath]) await scene.send(path, { headers });
  t.equal(asked(scene), 0, 'the token lives');
  clock.advance(3);
  for (const path of [manifestPath(scene), scene.blobPath]) await scene.send(path, { headers });
  t.equal(asked(scene), 2, 'the token has expired: the upstream is asked, and refuses it itself');
});

t.test('C7 never past the end of the location that came along', async (t) => {
  const clock = setClock(t);
  const end = new Date(clock.now() + 30_000).toISOString().replace(/\.\d+/, '');
  const scene = await openScene(t, {
    blobs: {
      kind: 'redirect',
      locate: () => scene.storage.url.replace(/se=[^&]+/, `se=${encodeURIComponent(end)}`),
    },
  });
  await scene.ticketUrl();
  clock.advance(20);
  await scene.ticketUrl();
  t.equal(asked(scene), 1);
  clock.advance(15);
  await scene.send(scene.blobPath);
  t.equal(asked(scene), 1, 'a link that has expired is not handed out');
});

t.test('C7 401 and 403 are kept five seconds, an outage not at all', async (t) => {
  const clock = setClock(t);
  const scene = await openScene(t, { registry: { publicProbe: false } });
  for (const path of [manifestPath(scene), scene.blobPath]) {
    for (const [status, again] of [
      [401, 0],
      [403, 0],
      [404, 1],
      [429, 1],
      [500, 1],
      [503, 1],
    ] as const) {
      const headers = { authorization: `Bearer for-${status}` };
      answerStatus(scene, status);
      asked(scene);
      for (let i = 0; i < 2; i += 1) t.equal((await scene.send(path, { headers })).status, status);
      t.equal(asked(scene), 1 + again, `${status} ${path}`);
      scene.registry.intercept = undefined;
      clock.advance(6);
      t.ok((await scene.send(path, { headers })).status < 400, `${status}: granted after six seconds`);
    }
  }
});

t.test('C7 a 404 is kept only where nobody pushes through here, and only for the same Accept', async (t) => {
  for (const push of [true, false]) {
    const scene = await openScene(t, { registry: { publicProbe: false, push } });
    const missing = `sha256:${'1'.repeat(64)}`;
    for (const path of [`/v2/${REPOSITORY}/manifests/${missing}`, `/v2/${REPOSITORY}/blobs/${missing}`]) {
      asked(scene);
      for (let i = 0; i < 3; i += 1) t.equal((await scene.send(path)).status, 404);
      t.equal(asked(scene), push ? 3 : 1, `push: ${push}, ${path}`);
    }
  }
  const scene = await openScene(t, { registry: { publicProbe: false, push: false } });
  scene.registry.intercept = ({ request, response }, endpoint) => {
    if (endpoint !== 'manifest' || request.headers.accept === 'everything') return false;
    response.writeHead(404, { 'content-length': 0 });
    response.end();
    return true;
  };
  t.equal((await scene.send(manifestPath(scene))).status, 404);
  t.equal((await scene.send(manifestPath(scene), { headers: { accept: 'everything' } })).status, 200);
});

t.test('C7 equal questions asked at once are asked once, others are not', async (t) => {
  for (const which of ['manifest', 'blob'] as const) {
    const scene = await openScene(t, { registry: { publicProbe: false } });
    const path = which === 'manifest' ? manifestPath(scene) : scene.blobPath;
    const gate = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    scene.registry.intercept = async (_, endpoint) => {
      if (endpoint === which) {
        if (scene.registry.count(which) === 2) arrived.resolve();
        await gate.promise;
      }
      return false;
    };
    const asAna = Array.from({ length: 20 }, () =>
      scene.send(path, { headers: { authorization: 'Bearer a' } }),
    );
    const asBob = Array.from({ length: 20 }, () =>
      scene.send(path, { headers: { authorization: 'Bearer b' } }),
    );
    await arrived.promise;
    gate.resolve();
    const answers = await Promise.all([...asAna, ...asBob]);
    t.ok(answers.every(({ status }) => status === (which === 'manifest' ? 200 : 307)));
    t.equal(scene.registry.count(which), 2, `${which}: one question for each of the two`);
    const decisions = (result: string) =>
      scene.berth.metric('berth_authorization_decisions_total', { result });
    t.equal(await decisions('miss'), 2);
    t.equal((await decisions('hit')) + (await decisions('collapsed')), 38);
  }
});

t.test('C7 one of those who wait may leave; the others get their answer', async (t) => {
  const scene = await openScene(t, { registry: { publicProbe: false } });
  const gate = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  scene.registry.intercept = async (_, endpoint) => {
    if (endpoint !== 'blob') return false;
    arrived.resolve();
    await gate.promise;
    return false;
  };
  const impatient = scene.send(scene.blobPath, { hangUpWhen: arrived.promise }).catch(() => undefined);
  await arrived.promise;
  const patient = scene.send(scene.blobPath);
  await impatient;
  gate.resolve();
  t.equal((await patient).status, 307);
});

t.test('C8 fifty tokens, one anonymous question for all of them', async (t) => {
  const scene = await openScene(t, {
    auth: { kind: 'bearer', users: USERS, publicRepositories: [REPOSITORY] },
  });
  const tokens = await Promise.all(Array.from({ length: 50 }, () => bearerOf(scene)));
  t.equal(new Set(tokens).size, 50);
  scene.registry.requests.length = 0;
  for (const [path, status] of [
    [manifestPath(scene), 200],
    [scene.blobPath, 307],
  ] as const) {
    const answers = await Promise.all(
      tokens.map((authorization) => scene.send(path, { headers: { authorization } })),
    );
    t.ok(
      answers.every((answer) => answer.status === status),
      path,
    );
    const late = await bearerOf(scene);
    t.equal((await scene.send(path, { headers: { authorization: late } })).status, status);
  }
  t.equal(scene.registry.count('manifest'), 1);
  t.equal(scene.registry.count('blob'), 1);
  const used = scene.registry.requests.flatMap(({ endpoint, headers }) =>
    endpoint === 'manifest' || endpoint === 'blob' ? [headers.authorization ?? ''] : [],
  );
  t.ok(
    used.every((authorization) => !tokens.includes(authorization)),
    'Berth asked with a token of its own',
  );
  t.equal(await scene.berth.metric('berth_authorization_decisions_total', { result: 'public' }), 102);
});

t.test('C8 a private repository: the probe opens nothing and is not repeated', async (t) => {
  const clock = setClock(t);
  const scene = await openScene(t, { auth: { kind: 'bearer', users: USERS, publicRepositories: [] } });
  const ana = { authorization: await bearerOf(scene, { authorization: basic('ana') }) };
  const bob = { authorization: await bearerOf(scene, { authorization: basic('bob') }) };
  asked(scene);
  t.equal((await scene.send(manifestPath(scene), { headers: ana })).status, 200);
  t.equal((await scene.send(scene.blobPath, { headers: ana })).status, 307);
  t.equal(asked(scene), 4, 'one probe for manifests, one for blobs, and ana herself twice');
  t.equal((await scene.send(manifestPath(scene), { headers: bob })).status, 401);
  t.equal((await scene.send(scene.blobPath, { headers: bob })).status, 401);
  t.equal(asked(scene), 2, 'bob is asked for himself');
  clock.advance(61);
  asked(scene);
  t.equal(
    (await scene.send(scene.blobPath, { headers: bob })).status,
    401,
    'and after everything has expired',
  );
});

t.test('C8 what became private is closed again when the decision ends', async (t) => {
  const clock = setClock(t);
  const open = [REPOSITORY];
  const scene = await openScene(t, { auth: { kind: 'bearer', users: USERS, publicRepositories: open } });
  const nobody = { authorization: await bearerOf(scene) };
  t.equal((await scene.send(manifestPath(scene), { headers: nobody })).status, 200);
  open.length = 0;
  scene.registry.tokens?.revokeAll();
  clock.advance(61);
  for (const path of [manifestPath(scene), scene.blobPath]) {
    t.equal((await scene.send(path, { headers: nobody })).status, 401, path);
  }
});

t.test('C8 a probe that fails decides nothing: the caller still has credentials', async (t) => {
  const scene = await openScene(t, { auth: { kind: 'bearer', users: USERS, publicRepositories: [] } });
  const ana = { authorization: await bearerOf(scene, { authorization: basic('ana') }) };
  scene.registry.intercept = ({ request }, endpoint) => {
    const isProbe = endpoint === 'token' || request.headers.authorization !== ana.authorization;
    if (isProbe && endpoint !== 'ping') request.socket.destroy();
    return isProbe && endpoint !== 'ping';
  };
  t.equal((await scene.send(manifestPath(scene), { headers: ana })).status, 200);
  t.equal((await scene.send(scene.blobPath, { headers: ana })).status, 307);
});
