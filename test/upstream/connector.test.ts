import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { Agent } from 'undici';
import { createAllowedAddresses } from '../../src/upstream/address-check.ts';
import { type ConnectorOptions, createConnector } from '../../src/upstream/connector.ts';
import { classifyFailure } from '../../src/upstream/failure.ts';
import { createTestAuthority } from '../support/ca.ts';
import { createLookup, type Lookup } from '../support/lookup.ts';
import { serve, serveRaw, serveTls } from './servers.ts';

type Outcome = number | string;

/** What one GET comes to: the status, or the kind of failure. */
function opener(t: Test, options: Partial<ConnectorOptions>): (url: string) => Promise<Outcome> {
  const agent = new Agent({
    allowH2: false,
    connect: createConnector({
      allowedPrivate: createAllowedAddresses([]),
      connectTimeoutMs: 5000,
      ...options,
    }),
  });
  t.teardown(() => agent.destroy());
  return async (url) => {
    const { origin, pathname } = new URL(url);
    try {
      const { statusCode, body } = await agent.request({ origin, path: pathname, method: 'GET' });
      await body.dump();
      return statusCode;
    } catch (error) {
      return classifyFailure(error, 'storage').kind;
    }
  };
}

t.test(
  'every literal form of an address that is not public is refused before a connection is made',
  async (t) => {
    let connections = 0;
    const { port } = await serve(t, (_, response) => response.end());
    const silent = await serveRaw(t, () => {
      connections += 1;
    });
    const open = opener(t, {});
    for (const host of [
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0x7f.1',
      '0177.0.0.1',
      '0.0.0.0',
      '0',
      '[::1]',
      '[::]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '[64:ff9b::127.0.0.1]',
      '169.254.169.254',
      '10.0.0.1',
    ]) {
      for (const target of [port, silent.port]) {
        t.equal(await open(`http://${host}:${target}/`), 'address_refused', host);
        t.equal(await open(`https://${host}:${target}/`), 'address_refused', `${host} by TLS`);
      }
    }
    t.equal(connections, 0);
  },
);

t.test('a name that resolves to a private address is refused', async (t) => {
  const { port } = await serve(t, (_, response) => response.end());
  const open = opener(t, { lookup: createLookup(() => '127.0.0.1') });
  t.equal(await open(`http://storage.example:${port}/`), 'address_refused');
  t.equal(await open(`http://localhost:${port}/`), 'address_refused');
  t.equal(await opener(t, {})(`http://localhost:${port}/`), 'address_refused', "the system's own resolver");
});

t.test('DNS rebinding: an answer that changes between connections is judged each time', async (t) => {
  // 127.0.0.2 plays the public address, 127.0.0.1 the one to be protected, on the same port.
  let protectedRequests = 0;
  const open127 = await serve(t, (_, response) => {
    protectedRequests += 1;
    response.end();
  });
  const { createServer } = await import('node:http');
  const outside = createServer((_, response) => {
    response.setHeader('connection', 'close');
    response.end();
  });
  await new Promise<void>((resolve) => {
    outside.listen(open127.port, '127.0.0.2', resolve);
  });
  t.teardown(() => outside.close());
  const answers = ['127.0.0.2', '127.0.0.1', '127.0.0.2'];
  const open = opener(t, {
    allowedPrivate: createAllowedAddresses(['127.0.0.2/32']),
    lookup: createLookup(() => answers.shift()),
  });
  const url = `http://rebind.example:${open127.port}/`;
  t.equal(await open(url), 200, 'first answer');
  t.equal(await open(url), 'address_refused', 'second answer');
  t.equal(await open(url), 200, 'third answer');
  t.equal(protectedRequests, 0);
});

t.test('the peer that was really reached counts, whatever the lookup said', async (t) => {
  let received = '';
  const peer = await serveRaw(t, (socket) => {
    socket.on('data', (chunk) => {
      received += String(chunk);
    });
  });
  const open = opener(t, {
    lookup: createLookup(() => '20.60.1.1'),
    openSocket: () => connect({ host: '127.0.0.1', port: peer.port }),
  });
  t.equal(await open('http://storage.example/'), 'address_refused');
  t.equal(received, '', 'it was told nothing');
});

t.test('allowed private addresses are reached', async (t) => {
  const { url, port } = await serve(t, (_, response) => response.end());
  const open = opener(t, {
    allowedPrivate: createAllowedAddresses(['127.0.0.1/32']),
    lookup: createLookup(() => '127.0.0.1'),
  });
  t.equal(await open(`${url}/`), 200);
  t.equal(await open(`http://storage.example:${port}/`), 200);
});

t.test('certificates are verified', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const server = await serveTls(t, await authority.issue(['storage.example', '127.0.0.1']), (_, response) =>
    response.end(),
  );
  const reach = {
    allowedPrivate: createAllowedAddresses(['127.0.0.1/32']),
    lookup: createLookup(() => '127.0.0.1'),
  };
  const trusting = opener(t, { ...reach, ca: authority.cert });
  t.equal(await trusting(`https://storage.example:${server.port}/`), 200);
  t.equal(await trusting(`${server.url}/`), 200, 'by address');
  t.equal(await trusting(`https://other.example:${server.port}/`), 'tls_certificate_error', 'another name');
  t.equal(
    await opener(t, reach)(`https://storage.example:${server.port}/`),
    'tls_certificate_error',
    'unknown authority',
  );
  const plain = await serve(t, (_, response) => response.end());
  t.equal(await trusting(`https://storage.example:${plain.port}/`), 'tls_protocol_error', 'no TLS at all');
});

t.test('verification holds when the environment says otherwise', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const server = await serveTls(t, await authority.issue(['storage.example']), (_, response) =>
    response.end(),
  );
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  t.teardown(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
  });
  const open = opener(t, {
    allowedPrivate: createAllowedAddresses(['127.0.0.1/32']),
    lookup: createLookup(() => '127.0.0.1'),
  });
  t.equal(await open(`https://storage.example:${server.port}/`), 'tls_certificate_error');
});

t.test('connecting has one deadline: name, TCP and TLS', async (t) => {
  const allowedPrivate = createAllowedAddresses(['127.0.0.1/32']);
  const never = (() => undefined) as unknown as Lookup;
  const mute = await serveRaw(t, () => undefined);
  const quick = { allowedPrivate, connectTimeoutMs: 50 };
  t.equal(
    await opener(t, { ...quick, lookup: never })('http://storage.example/'),
    'connection_timeout',
    'name',
  );
  t.equal(await opener(t, quick)(`https://127.0.0.1:${mute.port}/`), 'connection_timeout', 'TLS');
});
