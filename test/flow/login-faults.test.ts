import t from 'tap';
import { forbiddenLocations } from '../support/broken-upstream.ts';
import { createLookup, isFixtureName } from '../support/lookup.ts';
import { type Fault, misbehave, UPSTREAM_STATUSES } from '../support/misbehave.ts';
import { accessLine, errorOf, openScene, REPOSITORY, type Scene, stableHeaders } from './scene.ts';

const METHODS = ['GET', 'HEAD'] as const;

/** Seconds; short, since each of them is waited for. */
const IMPATIENT = {
  timeouts: {
    connectSeconds: 1,
    headersSeconds: 1,
    commitSeconds: 30,
    idleSeconds: 1,
    requestHeadersSeconds: 5,
    drainSeconds: 1,
  },
};
/** The fields of every error that is Berth's own. */
const OWN_ERROR = {
  'content-type': 'application/json',
  'docker-distribution-api-version': 'registry/2.0',
  'cache-control': 'no-store',
  connection: 'keep-alive',
  'keep-alive': 'timeout=75',
};

const listings = (scene: Scene) => [
  '/v2/_catalog',
  `/v2/${REPOSITORY}/tags/list`,
  `/v2/${REPOSITORY}/referrers/${scene.manifestDigest}`,
];
const manifests = (scene: Scene) => [
  `/v2/${REPOSITORY}/manifests/latest`,
  `/v2/${REPOSITORY}/manifests/${scene.manifestDigest}`,
];
const everything = (scene: Scene) => ['/v2/', ...listings(scene), ...manifests(scene), scene.blobPath];

function openImpatient(t: Parameters<typeof openScene>[0], options: Parameters<typeof openScene>[1] = {}) {
  return openScene(t, {
    config: IMPATIENT,
    ...options,
    registry: { publicProbe: false, ...options.registry },
  });
}

function breakRegistry(scene: Scene, fault: Fault): void {
  scene.registry.intercept = (exchange) => {
    misbehave(exchange, fault, scene.manifest);
    return true;
  };
}

/** GET and HEAD of each path are Berth's own error with this status, with the same fields; `reached` requests each. */
async function expectError(
  t: Parameters<typeof openScene>[0],
  scene: Scene,
  paths: readonly string[],
  expected: { status: number; reached: number; fields?: Record<string, string> },
): Promise<void> {
  for (const path of paths) {
    const answers = [];
    for (const method of METHODS) {
      scene.registry.requests.length = 0;
      const answer = await scene.send(path, { method });
      t.equal(answer.status, expected.status, `${method} ${path}`);
      t.equal(scene.registry.requests.length, expected.reached, `${method} ${path}: reached the origin`);
      t.notMatch(
        JSON.stringify(answer.headers) + answer.body.toString(),
        /azurecr|windows\.net|<html|<\?xml/,
      );
      answers.push(answer);
    }
    const [get, head] = answers;
    if (get === undefined || head === undefined) throw new Error('two answers');
    const { 'content-length': length, ...fields } = stableHeaders(get);
    t.strictSame(fields, { ...OWN_ERROR, ...expected.fields }, path);
    t.equal(length, String(get.body.length));
    t.strictSame(stableHeaders(head), stableHeaders(get), `HEAD has the fields of GET: ${path}`);
    t.equal(errorOf(get).detail.requestId, get.headers['x-request-id']);
  }
}

t.test('H8 an upstream that is silent, speaks no HTTP, or floods with fields', async (t) => {
  const rows: { fault: Fault; status: number; reached: number; failure: string }[] = [
    { fault: { kind: 'silent' }, status: 504, reached: 1, failure: 'http_response_timeout' },
    { fault: { kind: 'notHttp' }, status: 502, reached: 1, failure: 'http_protocol_error' },
    {
      fault: { kind: 'hugeHeaders', bytes: 100_000 },
      status: 502,
      reached: 1,
      failure: 'http_response_header_section_size',
    },
  ];
  for (const { fault, failure, ...expected } of rows) {
    const scene = await openImpatient(t);
    breakRegistry(scene, fault);
    const paths = fault.kind === 'silent' ? [...manifests(scene), scene.blobPath] : everything(scene);
    await expectError(t, scene, paths, expected);
    t.match(await accessLine(scene, (line) => line['failure'] === failure), { outcome: 'upstream_failed' });
    const counted = { upstream: 'registry', reason: failure };
    t.equal(await scene.berth.metric('berth_upstream_failures_total', counted), paths.length * 2);
  }
});

t.test('H8 an upstream that refuses the connection', async (t) => {
  const scene = await openImpatient(t);
  await scene.registry.close();
  await expectError(t, scene, everything(scene), { status: 502, reached: 0 });
});

t.test('H8 an upstream that resets is asked once more, and that is all', async (t) => {
  const scene = await openImpatient(t);
  scene.registry.intercept = ({ request }) => {
    request.socket.resetAndDestroy();
    return true;
  };
  await expectError(t, scene, everything(scene), { status: 502, reached: 2 });
});

t.test('H5 H8 statuses with a body that is no OCI document are put into our words', async (t) => {
  for (const status of [...UPSTREAM_STATUSES, 404, 502, 504]) {
    const scene = await openImpatient(t);
    const challenge = 'Bearer realm="https://contoso.azurecr.io/oauth2/token",service="s"';
    scene.registry.intercept = ({ response, method }) => {
      response.writeHead(status, {
        'content-type': 'text/html; charset=utf-8',
        'retry-after': '7',
        server: 'nginx',
        'www-authenticate': challenge,
      });
      response.end(method === 'HEAD' ? undefined : '<html>Sorry</html>');
      return true;
    };
    const realm = 'Bearer realm="https://contoso.registry.example/oauth2/token",service="s"';
    for (const path of everything(scene)) {
      // 401 and 403 of manifests and blobs are kept for both methods.
      const kept = [401, 403].includes(status) && /sha256/.test(path) && !path.includes('referrers');
      const get = await scene.send(path);
      const head = await scene.send(path, { method: 'HEAD' });
      t.equal(get.status, status, path);
      const { 'content-length': length, ...fields } = stableHeaders(get);
      t.strictSame(
        fields,
        { ...OWN_ERROR, 'retry-after': '7', 'www-authenticate': realm },
        `${status} ${path}`,
      );
      t.equal(length, String(get.body.length));
      t.strictSame(stableHeaders(head), stableHeaders(get), `${status} HEAD ${path}`);
      t.notMatch(get.body.toString(), /html|Sorry/);
      if (status >= 500) t.match(errorOf(get).message, /upstream registry answered/);
      t.equal(scene.registry.requests.length, kept ? 1 : 2);
      scene.registry.requests.length = 0;
    }
  }
});

t.test('H5 an error that is JSON comes back as it is, however long the rest of it', async (t) => {
  const scene = await openImpatient(t);
  const body = '{"errors":[{"code":"DENIED","message":"pull limit of this plan"}]}';
  scene.registry.intercept = ({ response, method }) => {
    response.writeHead(403, { 'content-type': 'application/json; charset=utf-8' });
    response.end(method === 'HEAD' ? undefined : body);
    return true;
  };
  for (const path of [...listings(scene), scene.blobPath, manifests(scene)[1] ?? '']) {
    t.equal((await scene.send(path)).body.toString(), body, path);
  }
  scene.registry.intercept = ({ response }) => {
    response.writeHead(500, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ errors: [], padding: 'x'.repeat(1_000_000) }));
    return true;
  };
  const other = { headers: { authorization: 'Bearer b' } };
  for (const path of [scene.blobPath, ...manifests(scene)]) {
    const long = await scene.send(path, other);
    t.ok(long.status === 500 || long.status === 502, path);
    t.ok(long.body.length < 1000, 'too long to be passed on: a document of ours instead');
  }
});

t.test('C3 H8 a manifest that is cut, stalls or never ends is an error, not half a manifest', async (t) => {
  const rows: { fault: Fault; status: number }[] = [
    { fault: { kind: 'cutAfter', bytes: 10, how: 'fin' }, status: 502 },
    { fault: { kind: 'cutAfter', bytes: 10, how: 'reset' }, status: 502 },
    { fault: { kind: 'stallsAfter', bytes: 10 }, status: 504 },
    { fault: { kind: 'wrongBytes' }, status: 502 },
    { fault: { kind: 'hugeDocument', bytes: 5_000_000 }, status: 502 },
  ];
  for (const { fault, status } of rows) {
    const scene = await openImpatient(t);
    breakRegistry(scene, fault);
    const got = await scene.send(manifests(scene)[1] ?? '');
    t.equal(got.status, status, fault.kind);
    t.equal(got.ended, 'complete');
    t.equal(scene.registry.requests.length, 1);
    t.equal(await scene.berth.metric('berth_manifest_cache_size_bytes'), 0, 'nothing is kept');
    scene.registry.intercept = undefined;
    for (const path of manifests(scene)) t.same((await scene.send(path)).body, scene.manifest);
  }
});

t.test('H8 a slow upstream is no broken one', async (t) => {
  const scene = await openImpatient(t);
  breakRegistry(scene, { kind: 'slow', chunkBytes: 20, intervalMs: 30 });
  for (const path of [...listings(scene), manifests(scene)[1] ?? '']) {
    t.same((await scene.send(path)).body, scene.manifest, path);
  }
});

t.test('H8 a listing that breaks off never looks complete', async (t) => {
  const faults: Fault[] = [
    { kind: 'cutAfter', bytes: 10, how: 'fin' },
    { kind: 'cutAfter', bytes: 10, how: 'reset' },
    { kind: 'stallsAfter', bytes: 10 },
  ];
  for (const fault of faults) {
    const scene = await openImpatient(t);
    breakRegistry(scene, fault);
    for (const path of ['/v2/', ...listings(scene)]) {
      const got = await scene.send(path).catch(() => undefined);
      t.not(got?.ended, 'complete', `${fault.kind} ${path}`);
    }
    scene.registry.intercept = undefined;
    t.equal((await scene.send('/v2/')).status, 200, 'the next request is not harmed');
  }
});

t.test(
  'B2 C5 redirects that may not be followed: a loop, plain http, foreign and private hosts',
  async (t) => {
    const scene = await openImpatient(t);
    breakRegistry(scene, { kind: 'redirectLoop' });
    await expectError(t, scene, everything(scene), { status: 502, reached: 4 });
    for (const { why, location } of forbiddenLocations(scene.storage.host)) {
      breakRegistry(scene, { kind: 'redirect', location });
      t.comment(why);
      await expectError(t, scene, everything(scene), { status: 502, reached: 1 });
    }
    t.equal(scene.storage.requests.length, 0, 'nothing was sent to any of them');
    t.ok((await scene.berth.metric('berth_redirects_refused_total')) > 0);
  },
);

t.test('D13 C5 a listed name that resolves to a private address is refused when connecting', async (t) => {
  for (const address of ['10.0.0.1', '169.254.169.254', '::ffff:10.0.0.1', 'fd00::1', '0.0.0.0']) {
    const lookup = createLookup((hostname) =>
      hostname === 'eusrebound.blob.core.windows.net'
        ? address
        : isFixtureName(hostname)
          ? '127.0.0.1'
          : undefined,
    );
    const scene = await openImpatient(t, { lookup, registry: { delivery: 'inline' } });
    const location = 'https://eusrebound.blob.core.windows.net/blob?sig=x';
    breakRegistry(scene, { kind: 'redirect', location });
    const paths = [...listings(scene), ...manifests(scene)];
    await expectError(t, scene, paths, { status: 502, reached: 1 });
    for (const method of METHODS) {
      const blob = await scene.send(scene.blobPath, { method });
      t.equal(blob.status, 502, `${address} ${method}`);
    }
    t.match(await accessLine(scene, (line) => line['failure'] === 'address_refused'), { status: 502 });
  }
});
