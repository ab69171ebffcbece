import { once } from 'node:events';
import { connect as connectTcp, createServer } from 'node:net';
import t, { type Test } from 'tap';
import { startBerth, type TestBerth, testRegistry } from '../support/berth.ts';
import { createTestAuthority } from '../support/ca.ts';
import { digestOf, MANIFEST_TYPE } from '../support/image.ts';
import { listen } from '../support/server.ts';

/** A registry that sends whatever bytes it is told to, one answer a connection, and Berth before it. */
type RawScene = {
  readonly berth: TestBerth;
  /** The next answers, byte for byte; the last one is given again and again. */
  answer(...bytes: string[]): void;
  /** Request lines that came. */
  readonly requests: string[];
  /** What a client gets, byte for byte. */
  ask(path: string): Promise<string>;
};

async function openRawScene(t: Test, keepAlive = false): Promise<RawScene> {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const requests: string[] = [];
  let answers: string[] = [];
  const server = createServer((socket) => {
    t.teardown(() => socket.destroy());
    let head = '';
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      head += chunk.toString('latin1');
      for (let end = head.indexOf('\r\n\r\n'); end >= 0; end = head.indexOf('\r\n\r\n')) {
        requests.push(head.split('\r\n')[0] ?? '');
        head = head.slice(end + 4);
        const [next = '', ...more] = answers;
        if (more.length > 0) answers = more;
        socket.write(next, 'latin1');
        if (!keepAlive) socket.end();
      }
    });
  });
  const upstreamPort = await listen(server);
  t.teardown(() => server.close());
  const berth = await startBerth({
    authority,
    tls: false,
    registries: [
      testRegistry({
        delivery: 'inline',
        scheme: 'http',
        publicProbe: false,
        authorizationTtlSeconds: 0,
        upstream: { url: `http://127.0.0.1:${upstreamPort}` },
      }),
    ],
  });
  t.teardown(() => berth.close());
  return {
    berth,
    requests,
    answer: (...bytes) => {
      answers = bytes;
    },
    async ask(path) {
      const socket = connectTcp(berth.port, '127.0.0.1');
      socket.on('error', () => {});
      let received = '';
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString('latin1');
      });
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: contoso.registry.example\r\nConnection: close\r\n\r\n`,
        'latin1',
      );
      await once(socket, 'close');
      return received;
    },
  };
}

const BODY = '{"tags":[]}';
const answerBytes = (status: string, fields: readonly string[], body = BODY) =>
  `HTTP/1.1 ${status}\r\n${[...fields, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`;

t.test('attack: control characters in the fields of an answer', async (t) => {
  const scene = await openRawScene(t);
  const fields: readonly (readonly [name: string, value: string, status: string])[] = [
    ['Location', '/v2/team/app/x', '307 Temporary Redirect'],
    ['WWW-Authenticate', 'Bearer realm="http://127.0.0.1/token",service="s"', '401 Unauthorized'],
    ['Link', '</v2/team/app/tags/list?last=a>; rel="next"', '200 OK'],
    ['Retry-After', '7', '429 Too Many Requests'],
    ['Docker-Content-Digest', digestOf(Buffer.from(BODY)), '200 OK'],
    ['Content-Type', 'application/json', '200 OK'],
    ['X-Other', 'x', '200 OK'],
  ];
  const injections = [
    '\rX-Injected: 1',
    '\nX-Injected: 1',
    '\r\r\nX-Injected: 1',
    '\n\nX-Injected: 1',
    '\0X-Injected: 1',
  ];
  for (const [name, value, status] of fields) {
    for (const injection of injections) {
      scene.answer(answerBytes(status, [`${name}: ${value}${injection}`]));
      for (const path of ['/v2/', '/v2/team/app/tags/list', '/v2/team/app/manifests/latest']) {
        const received = await scene.ask(path);
        const what = `${name} with ${JSON.stringify(injection)}: ${path}`;
        t.match(received, /^HTTP\/1\.1 502 /, what);
        t.notMatch(received, /injected/i, what);
      }
    }
  }
});

t.test(
  'attack: what is well-formed and yet ends a quoted string, a link or a header section elsewhere',
  async (t) => {
    const scene = await openRawScene(t);
    const evil = 'http://attacker.example/token';
    const rows = [
      [
        '401 Unauthorized',
        `WWW-Authenticate: Bearer realm="http://127.0.0.1/token",service="s\\",realm=\\"${evil}"`,
      ],
      [
        '401 Unauthorized',
        `WWW-Authenticate: Bearer realm="http://127.0.0.1/token%0d%0aX-Injected:%201",service="s"`,
      ],
      ['200 OK', `Link: <${evil}>; rel="next"`],
      ['200 OK', `Link: </v2/team/app/tags/list?last=%0d%0aX-Injected:%201>; rel="next"`],
      ['200 OK', `Link: <//attacker.example/v2/x>; rel="next", </v2/team/app/tags/list?last=a>; rel="next"`],
    ] as const;
    for (const [status, field] of rows) {
      scene.answer(answerBytes(status, ['Content-Type: application/json', field]));
      const received = await scene.ask('/v2/team/app/tags/list');
      const [head = ''] = received.split('\r\n\r\n');
      t.match(received, `HTTP/1.1 ${status}`, field);
      t.notMatch(head, /^x-injected/im, field);
      t.notMatch(head, /realm="[^"]*(127\.0\.0\.1|attacker)/, 'the realm is ours');
      t.notMatch(head, /<[^>]*attacker/, 'links stay here');
    }
  },
);

t.test('attack: an answer that two readers cut in two ways', async (t) => {
  const scene = await openRawScene(t, true);
  const poison = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n"poison"`;
  const rows = [
    [
      'Content-Length and chunked',
      `HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${poison}`,
    ],
    ['two Content-Lengths', `HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\n${poison}`],
    ['a bare LF', `HTTP/1.1 200 OK\nContent-Length: 0\n\n${poison}`],
    ['a folded line', `HTTP/1.1 200 OK\r\nX-A: b\r\n Content-Length: 0\r\n\r\n${poison}`],
  ] as const;
  for (const [what, bytes] of rows) {
    scene.answer(bytes);
    const received = await scene.ask('/v2/team/app/tags/list');
    t.match(received, /^HTTP\/1\.1 502 /, what);
    t.notMatch(received, /poison/, what);
  }
});

t.test('attack: an answer to a question that nobody has asked yet', async (t) => {
  const scene = await openRawScene(t, true);
  const honest = answerBytes('200 OK', ['Content-Type: application/json']);
  const poison = answerBytes('200 OK', ['Content-Type: application/json'], '{"tags":["poison"]}');
  for (let round = 0; round < 10; round += 1) {
    scene.answer(honest + poison, honest);
    await scene.ask('/v2/team/app/tags/list');
    scene.answer(honest);
    t.notMatch(await scene.ask('/v2/team/app/tags/list'), /poison/);
  }
});

t.test('attack: a manifest under the digest of another one', async (t) => {
  const scene = await openRawScene(t);
  const real = digestOf(Buffer.from('{}'));
  const lie = answerBytes(
    '200 OK',
    [`Content-Type: ${MANIFEST_TYPE}`, `Docker-Content-Digest: ${real}`],
    '{"evil":1}',
  );
  scene.answer(lie);
  for (const reference of [real, 'latest']) {
    const received = await scene.ask(`/v2/team/app/manifests/${reference}`);
    t.match(received, /^HTTP\/1\.1 502 /, reference);
    t.notMatch(received, /evil/, reference);
  }
});

t.test('attack: bytes in a query that no URL has', async (t) => {
  const scene = await openRawScene(t);
  scene.answer(answerBytes('200 OK', ['Content-Type: application/json']));
  for (const query of [
    'n=\xff\xfe',
    'n=\x80',
    'last=a\\b',
    'last="a"',
    'last=<a>',
    'last={a}',
    'last=a%',
    'last=a%0d%0aX: y',
  ]) {
    const received = await scene.ask(`/v2/team/app/tags/list?${query}`);
    t.match(received, /^HTTP\/1\.1 (200|400) /, JSON.stringify(query));
  }
  for (const line of scene.requests) t.match(line, /^GET \/v2\/team\/app\/tags\/list\?[!-~]*( HTTP\/1\.1)$/);
});
