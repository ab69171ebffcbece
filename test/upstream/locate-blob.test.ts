import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import t, { type Test } from 'tap';
import type { RedirectHost } from '../../src/config/config.ts';
import { parseDigest } from '../../src/oci/digest.ts';
import { parseRepositoryName } from '../../src/oci/repository-name.ts';
import {
  failureOf,
  openUpstream,
  patient,
  registryConfig,
  serve,
  type UpstreamUnderTest,
} from './servers.ts';

const parsed = parseDigest(`sha256:${'a'.repeat(64)}`);
if (parsed.kind !== 'ok') throw new Error('digest');
const { digest } = parsed;
const repository = parseRepositoryName('library/alpine');
if (repository === undefined) throw new Error('repository');
const PATH = `/v2/library/alpine/blobs/${digest}`;
const AZURE: RedirectHost[] = [{ host: '*.blob.core.windows.net', pathPattern: null }];

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function open(t: Test, answer: Answer): Promise<{ upstream: UpstreamUnderTest; url: string }> {
  const { url } = await serve(t, answer);
  return { upstream: openUpstream(t, registryConfig(url, { redirectHosts: AZURE })), url };
}

const asked = { repository, digest, authorization: 'Bearer t' };
const question = (signal = patient()) => ({ ...asked, signal });

t.test('a redirect to storage: the URL as it came, with its expiry', async (t) => {
  const location =
    'https://weureplstore76.blob.core.windows.net/a5714a-98-91//docker/registry/v2/blobs/data?se=2033-12-27T16%3A59%3A11Z&sig=79%2Br%3D&sp=r';
  let seen: IncomingMessage | undefined;
  const { upstream } = await open(t, (request, response) => {
    seen = request;
    response.writeHead(307, { location, 'content-length': 5 }).end('<a>..');
  });
  t.same(await upstream.locateBlob(question()), {
    kind: 'storage',
    url: location,
    host: 'weureplstore76.blob.core.windows.net',
    expiresAt: Date.UTC(2033, 11, 27, 16, 59, 11) / 1000,
    size: undefined,
  });
  t.match(seen, {
    method: 'GET',
    url: PATH,
    headers: { range: 'bytes=0-0', authorization: 'Bearer t', 'accept-encoding': 'identity' },
  });
});

t.test('a registry that serves blobs itself', async (t) => {
  const rows: [string, number | undefined, Answer][] = [
    [
      '206',
      12_345,
      (_, r) => r.writeHead(206, { 'content-range': 'bytes 0-0/12345', 'content-length': 1 }).end('x'),
    ],
    [
      '206 without a length',
      undefined,
      (_, r) => r.writeHead(206, { 'content-range': 'bytes 0-0/*' }).end('x'),
    ],
    ['206 without Content-Range', undefined, (_, r) => r.writeHead(206).end('x')],
    ['416 of an empty blob', 0, (_, r) => r.writeHead(416, { 'content-range': 'bytes */0' }).end()],
    ['200, small', 3, (_, r) => r.writeHead(200, { 'content-length': 3 }).end('abc')],
    ['200 without a length', undefined, (_, r) => r.writeHead(200).end('abc')],
  ];
  for (const [name, size, answer] of rows) {
    const { upstream, url } = await open(t, answer);
    t.same(await upstream.locateBlob(question()), { kind: 'registry', url: `${url}${PATH}`, size }, name);
  }
});

t.test('a registry that ignores Range is cut off at once', async (t) => {
  const size = 256 * 1024 * 1024;
  const ended = Promise.withResolvers<number>();
  const { upstream } = await open(t, (request, response) => {
    response.writeHead(200, { 'content-length': size });
    const chunk = Buffer.alloc(256 * 1024);
    const pump = (): void => {
      while (!response.destroyed && response.write(chunk)) {
        // Until the socket's buffers are full.
      }
    };
    response.on('drain', pump);
    response.on('close', () => ended.resolve(request.socket.bytesWritten));
    pump();
  });
  t.match(await upstream.locateBlob(question()), { kind: 'registry', size });
  t.ok((await ended.promise) < 32 * 1024 * 1024, 'only what fits into socket buffers left the origin');
});

t.test('redirects inside the registry are followed with credentials, three at most', async (t) => {
  const seen: (string | undefined)[] = [];
  let hops = 2;
  const { upstream, url } = await open(t, (request, response) => {
    seen.push(request.headers.authorization);
    if (seen.length <= hops)
      response.writeHead(302, { location: `/v2/mirror//${seen.length}`, 'content-length': 0 }).end();
    else response.writeHead(206, { 'content-range': 'bytes 0-0/9', 'content-length': 1 }).end('x');
  });
  t.same(await upstream.locateBlob(question()), { kind: 'registry', url: `${url}/v2/mirror//2`, size: 9 });
  t.same(seen, ['Bearer t', 'Bearer t', 'Bearer t']);
  seen.length = 0;
  hops = 4;
  t.match(await failureOf(upstream.locateBlob(question())), {
    kind: 'redirect_refused',
    refusal: 'too_many_redirects',
  });
  t.equal(seen.length, 4);
});

t.test('answers to pass on, Retry-After included', async (t) => {
  for (const status of [400, 401, 403, 404, 416, 429, 500, 503]) {
    const { upstream } = await open(t, (_, response) => {
      response
        .writeHead(status, { 'retry-after': '7', 'www-authenticate': 'Bearer realm="x"' })
        .end('{"errors":[]}');
    });
    const answer = await upstream.locateBlob(question());
    t.match(answer, { kind: 'status', status, headers: { 'retry-after': '7' } }, String(status));
    t.equal(answer.kind === 'status' && answer.body.toString(), '{"errors":[]}');
  }
});

t.test('an error document without end is not read', async (t) => {
  const { upstream } = await open(t, (_, response) => {
    response.writeHead(404);
    const pump = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(64 * 1024))) {
        // Until the socket's buffers are full.
      }
    };
    response.on('drain', pump);
    pump();
  });
  const location = await upstream.locateBlob(question());
  t.match(location, { kind: 'status', status: 404, body: Buffer.alloc(0) }, 'its status says enough');
});

t.test('refused: off the list, plain http, credentials, no Location', async (t) => {
  const rows: [string | undefined, string][] = [
    ['https://evil.example/x', 'host_not_listed'],
    ['https://127.0.0.1/x', 'host_not_listed'],
    ['https://user:pw@a.blob.core.windows.net/x', 'credentials_in_url'],
    ['https://a.blob.core.windows.net/x#y', 'fragment_in_url'],
    [undefined, 'malformed'],
  ];
  for (const [location, refusal] of rows) {
    const { upstream } = await open(t, (_, response) => {
      if (location !== undefined) response.setHeader('location', location);
      response.writeHead(307).end();
    });
    t.match(
      await failureOf(upstream.locateBlob(question())),
      { kind: 'redirect_refused', refusal },
      String(location),
    );
  }
});

t.test("the client's signal ends it", async (t) => {
  const arrived = Promise.withResolvers<ServerResponse>();
  const { upstream } = await open(t, (_, response) => arrived.resolve(response));
  const leaver = new AbortController();
  const failure = failureOf(upstream.locateBlob(question(leaver.signal)));
  const response = await arrived.promise;
  const closed = once(response, 'close');
  leaver.abort();
  t.match(await failure, { kind: 'connection_terminated' });
  await closed;
});
