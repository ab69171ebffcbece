import t from 'tap';
import { forbiddenLocations, startBrokenUpstream } from '../support/broken-upstream.ts';
import { createLookup } from '../support/lookup.ts';
import { openScene, REPOSITORY } from './scene.ts';

const UPLOADS = `/v2/${REPOSITORY}/blobs/uploads/`;
const DATA = 'https://contoso.eastus.data.registry.example';

t.test(
  'P5 with push: false nothing is written upstream, whatever the method, the path and the delivery',
  async (t) => {
    for (const delivery of ['dedicated', 'inline', 'passthrough'] as const) {
      const scene = await openScene(t, { registry: { push: false, delivery } });
      const { digest, manifestDigest } = scene;
      const paths = [
        '/',
        '/v2',
        '/v2/',
        '/v2/_catalog',
        `/v2/${REPOSITORY}/tags/list`,
        `/v2/${REPOSITORY}/manifests/v1`,
        `/v2/${REPOSITORY}/manifests/${manifestDigest}`,
        `/v2/${REPOSITORY}/referrers/${manifestDigest}`,
        `/v2/${REPOSITORY}/blobs/${digest}`,
        UPLOADS,
        UPLOADS.slice(0, -1),
        `${UPLOADS}?digest=${digest}`,
        `${UPLOADS}?mount=${digest}&from=base/image`,
        `${UPLOADS}abc`,
        `/v2/${REPOSITORY}/blobs/uploads/../../manifests/v1`,
        `/v2/${REPOSITORY}/manifests/v1?_method=PUT`,
        '/sessions/abc',
        `${DATA}/`,
        `${DATA}/v2/${REPOSITORY}/manifests/v1`,
      ];
      const methods = [
        'GET',
        'HEAD',
        'POST',
        'PUT',
        'PATCH',
        'DELETE',
        'OPTIONS',
        'TRACE',
        'PROPFIND',
        'COPY',
        'MOVE',
      ];
      for (const path of paths) {
        for (const method of methods) {
          const reads = method === 'GET' || method === 'HEAD';
          // Node's client leaves the length of a DELETE out, and the body would be a request of its own.
          const length: Record<string, string> = reads ? {} : { 'content-length': '6' };
          const headers = {
            connection: 'close',
            'x-http-method-override': 'PUT',
            'x-ms-copy-source': 'https://attacker.example/',
            ...length,
          };
          const target = path.startsWith('/') ? { target: path } : {};
          await scene.send(path, { method, headers, ...(!reads && { body: 'attack' }), ...target });
        }
      }
      const written = [...scene.registry.requests, ...scene.storage.requests].filter(
        ({ method, headers }) =>
          !['GET', 'HEAD'].includes(method) ||
          headers['transfer-encoding'] !== undefined ||
          Number(headers['content-length'] ?? 0) > 0,
      );
      t.strictSame(written, [], delivery);
      t.ok(scene.registry.requests.length > 0, 'reading went on meanwhile');
      t.equal(scene.registry.uploads.open, 0);
      t.notOk(scene.registry.store.tags(REPOSITORY)?.includes('v1'));
    }
  },
);

t.test(
  'B2 C5 D12 P2 whatever the upstream says, only hosts of the list are asked, and only named ones',
  async (t) => {
    const names = new Set<string>();
    const lookup = createLookup((name) => {
      names.add(name);
      return '127.0.0.1';
    });
    const scene = await openScene(t, {
      lookup,
      registry: { publicProbe: false, authorizationTtlSeconds: 0 },
    });
    const attacker = await startBrokenUpstream({
      bytes: scene.blob,
      authority: scene.authority,
      name: 'attacker.example',
    });
    t.teardown(() => attacker.close());
    const url = await scene.ticketUrl();
    const locations = [
      ...forbiddenLocations(scene.storage.host).map(({ location }) => location),
      attacker.url,
      `//${attacker.host}/x`,
      `https://127.0.0.1:${attacker.port}/x`,
      `https://2130706433:${attacker.port}/x`,
      `https://[::ffff:7f00:1]:${attacker.port}/x`,
      `https://localhost:${attacker.port}/x`,
      `https://x.blob.core.windows.net.attacker.example:${attacker.port}/x`,
      `https://x.blob.core.windows.net%2eattacker.example:${attacker.port}/x`,
      `https://x.blob.core.windows.net\\@attacker.example:${attacker.port}/x`,
      // On the list by name alone: its port is another.
      `https://x.blob.core.windows.net:${attacker.port}/x`,
    ];
    const at = { location: '' };
    scene.registry.intercept = ({ request, response }) => {
      request.resume();
      response.writeHead(307, { location: at.location, 'content-length': 0 }).end();
      return true;
    };
    for (const location of locations) {
      at.location = location;
      for (const [method, path] of [
        ['GET', scene.blobPath],
        ['HEAD', scene.blobPath],
        ['GET', `/v2/${REPOSITORY}/manifests/latest`],
        ['GET', `/v2/${REPOSITORY}/tags/list`],
        ['GET', '/v2/_catalog'],
        ['POST', UPLOADS],
        ['PUT', `/v2/${REPOSITORY}/manifests/v1`],
      ] as const) {
        const refused = await scene.send(path, { method, ...(method === 'PUT' && { body: '{}' }) });
        t.equal(refused.status, 502, `${method} ${path} ${location}`);
        t.equal(refused.headers.location, undefined);
      }
      scene.storage.fault = { kind: 'redirect', location };
      t.equal((await scene.send(url)).status, 502, location);
    }
    t.strictSame(attacker.requests, []);
    t.equal(await attacker.connections(), 0, 'not even a connection');
    t.strictSame([...names].toSorted(), ['contoso.azurecr.io', 'eusreplstore28.blob.core.windows.net']);
  },
);
