import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '../support/ca.ts';
import { until } from '../support/until.ts';
import { LOGIN, openWorkers, type WorkersScene } from './workers-scene.ts';

type TlsAnswer = {
  readonly status: number;
  readonly worker: number;
  readonly isResumed: boolean;
  /** The last one that the server has given. */
  readonly session: Buffer;
  /** SHA-256 of the server's certificate, as Node writes it; empty where none was sent. */
  readonly certificate: string;
};

type TlsRequest = {
  readonly authority: TestAuthority;
  readonly port?: number;
  readonly identity?: TestCertificate;
  readonly session?: Buffer | undefined;
  /** The address that a PROXY protocol header tells. */
  readonly proxied?: string;
};

/** One request over a connection of its own. */
async function request(scene: WorkersScene, wanted: TlsRequest): Promise<TlsAnswer> {
  const { authority, identity, session } = wanted;
  const carrier = openCarrier(scene, wanted);
  const socket = connect({
    socket: carrier,
    servername: LOGIN,
    ca: authority.cert,
    ...(identity && { cert: identity.cert, key: identity.key }),
    ...(session && { session }),
  });
  let given: Buffer = Buffer.alloc(0);
  socket.on('session', (bytes: Buffer) => {
    given = bytes;
  });
  await once(socket, 'secureConnect');
  const isResumed = socket.isSessionReused();
  const certificate = socket.getPeerCertificate().fingerprint256 ?? '';
  const text = await ask(socket);
  const id = /^x-request-id: (.+)\r$/im.exec(text)?.[1] ?? '';
  return {
    status: Number(text.split(' ')[1]),
    worker: await scene.workerOf(id),
    isResumed,
    session: given,
    certificate,
  };
}

function openCarrier(scene: WorkersScene, { port, proxied }: TlsRequest): Socket {
  const socket = connectTcp({ host: '127.0.0.1', port: port ?? scene.ports[0] ?? 0 });
  if (proxied !== undefined) socket.write(`PROXY TCP4 ${proxied} 192.0.2.254 40000 443\r\n`);
  return socket;
}

async function ask(socket: TLSSocket): Promise<string> {
  socket.write(`GET /v2/ HTTP/1.1\r\nhost: ${LOGIN}\r\nconnection: close\r\n\r\n`);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

/** With the session of a first request, until each worker has answered once. */
async function resumeAtEach(
  scene: WorkersScene,
  wanted: TlsRequest,
): Promise<ReadonlyMap<number, TlsAnswer>> {
  const answers = new Map<number, TlsAnswer>();
  for (let tries = 0; answers.size < 2 && tries < 40; tries += 1) {
    const answer = await request(scene, wanted);
    answers.set(answer.worker, answer);
  }
  return answers;
}

async function openAuthority(t: Test, name?: string): Promise<TestAuthority> {
  const authority = await createTestAuthority(name);
  t.teardown(() => authority.remove());
  return authority;
}

const resumed = (answers: ReadonlyMap<number, TlsAnswer>): boolean[] =>
  [...answers.values()].map(({ isResumed }) => isResumed);

t.test('Y9 a TLS session resumes at any worker, also at one that was started later', async (t) => {
  const authority = await openAuthority(t);
  const { certFile, keyFile } = await authority.issue([LOGIN]);
  const scene = await openWorkers(t, {
    config: {
      listeners: [
        { address: '127.0.0.1', port: 0, tls: { certificates: [{ cert: certFile, key: keyFile }] } },
      ],
    },
    registry: () => ({ scheme: 'https' }),
  });
  const { session, isResumed } = await request(scene, { authority });
  t.notOk(isResumed);
  t.same(resumed(await resumeAtEach(scene, { authority, session })), [true, true]);
  const pid = scene.pids().get(1) ?? 0;
  process.kill(pid, 'SIGKILL');
  await until(() => (scene.pids().get(1) ?? pid) !== pid, 'it is replaced');
  t.same(resumed(await resumeAtEach(scene, { authority, session })), [true, true]);

  const next = await authority.issue([LOGIN]);
  renameSync(next.keyFile, keyFile);
  renameSync(next.certFile, certFile);
  scene.primary.kill('SIGHUP');
  const { fingerprint256 } = new X509Certificate(next.cert);
  await until(async () => {
    const answers = await resumeAtEach(scene, { authority });
    return [...answers.values()].every(({ certificate }) => certificate === fingerprint256);
  }, 'both serve the new certificate');
  t.same(resumed(await resumeAtEach(scene, { authority, session })), [true, true], 'sessions last');
});

t.test('Y9 a session proves no client’s certificate once its authority has been replaced', async (t) => {
  const authority = await openAuthority(t);
  const stranger = await openAuthority(t, 'Another authority');
  const { certFile, keyFile } = await authority.issue([LOGIN]);
  const identity = await authority.issue(['node-1.example']);
  const [own, clientCaFile, otherCaFile] = ['own.txt', 'clients.pem', 'others.pem'].map((name) =>
    join(authority.directory, name),
  ) as [string, string, string];
  writeFileSync(own, 'ana:ana-password\n');
  writeFileSync(clientCaFile, authority.cert);
  writeFileSync(otherCaFile, stranger.cert);
  const certificates = [{ cert: certFile, key: keyFile }];
  const scene = await openWorkers(t, {
    config: {
      listeners: [
        { address: '127.0.0.1', port: 0, tls: { certificates, clientCaFile } },
        { address: '127.0.0.1', port: 0, tls: { certificates, clientCaFile: otherCaFile } },
      ],
    },
    registry: () => ({ scheme: 'https', clients: { mtls: true } }),
    upstream: { auth: { file: own } },
  });
  const { status, session } = await request(scene, { authority, identity });
  t.equal(status, 200);
  const again = await resumeAtEach(scene, { authority, identity, session });
  t.same(
    Array.from(again.values(), (answer) => [answer.status, answer.isResumed]),
    [
      [200, true],
      [200, true],
    ],
  );
  const elsewhere = await resumeAtEach(scene, {
    authority,
    identity,
    session,
    port: scene.ports[1] ?? 0,
  });
  t.same(
    Array.from(elsewhere.values(), (answer) => [answer.status, answer.isResumed]),
    [
      [403, false],
      [403, false],
    ],
    'nor at a listener of other authorities',
  );

  writeFileSync(clientCaFile, stranger.cert);
  scene.primary.kill('SIGHUP');
  await until(
    () => scene.log.some(({ msg, part }) => msg === 'reloaded' && part === 'certificates'),
    'the primary has the new authority',
  );
  await until(async () => {
    const answers = await resumeAtEach(scene, { authority, identity });
    return [...answers.values()].every((answer) => answer.status === 403);
  }, 'both have it');
  for (const answer of (await resumeAtEach(scene, { authority, identity, session })).values()) {
    t.same([answer.status, answer.isResumed], [403, false]);
  }
});

t.test('Y9 the PROXY protocol tells each worker whose a connection is', async (t) => {
  const authority = await openAuthority(t);
  const { certFile, keyFile } = await authority.issue([LOGIN]);
  const scene = await openWorkers(t, {
    config: {
      listeners: [
        {
          address: '127.0.0.1',
          port: 0,
          clientAddress: 'proxyProtocol',
          trustedProxies: ['127.0.0.1'],
          tls: { certificates: [{ cert: certFile, key: keyFile }] },
        },
      ],
      limits: { connectionsPerClient: 2 },
    },
    registry: () => ({ scheme: 'https' }),
  });
  const { session } = await request(scene, { authority, proxied: '192.0.2.1' });
  t.same(resumed(await resumeAtEach(scene, { authority, session, proxied: '192.0.2.1' })), [true, true]);
  const clients = scene.log.filter((line) => 'requestId' in line && 'status' in line);
  t.same(new Set(clients.map(({ client }) => client)), new Set(['192.0.2.1']));
  const held = [1, 2].map(() => openCarrier(scene, { authority, proxied: '192.0.2.1' }));
  const refused = () => scene.metric('berth_connections_refused_total', 'reason="client_connection_limit"');
  await until(async () => {
    const before = await refused();
    const others = Array.from({ length: 8 }, () => openCarrier(scene, { authority, proxied: '192.0.2.1' }));
    await until(
      async () => (await refused()) + (await scene.metric('berth_connections_open')) - before >= 8,
      'all have been seen',
    );
    const areRefused = (await refused()) === before + 8;
    for (const other of others) other.destroy();
    return areRefused;
  }, 'the client has as many as it may have, at both');
  for (const { status } of (
    await resumeAtEach(scene, { authority, session, proxied: '192.0.2.2' })
  ).values()) {
    t.equal(status, 200, 'another client of the same proxy');
  }
  for (const one of held) one.destroy();
  await until(async () => {
    try {
      return (await request(scene, { authority, session, proxied: '192.0.2.1' })).status === 200;
    } catch {
      return false;
    }
  }, 'there is room again');
});
