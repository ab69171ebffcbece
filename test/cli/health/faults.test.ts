import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer as createTcpServer } from 'node:net';
import t, { type Test } from 'tap';
import { runCli } from '../../../src/cli/create-program.ts';
import { refusedPort } from '../../support/broken-upstream.ts';
import { type CertificateLife, createTestAuthority } from '../../support/ca.ts';
import { testDeps } from '../../support/cli-deps.ts';
import { closeServer, listen } from '../../support/server.ts';
import { createLookup } from './names.ts';

// Each fault is really made, and looked at as a client does.

const NAME = 'contoso.registry.example';
const DAY_MS = 24 * 60 * 60_000;

const authority = await createTestAuthority();
t.teardown(() => authority.remove());

/** Answers as Berth's login server does. */
const berth: RequestListener = (request, response) => {
  response.setHeader('x-request-id', String(request.headers['x-request-id']));
  response.end();
};

async function serve(
  t: Test,
  answer: RequestListener,
  names?: readonly [string, ...string[]],
  life?: CertificateLife,
) {
  const server =
    names === undefined
      ? createHttpServer(answer)
      : createHttpsServer(await authority.issue(names, life), answer);
  const port = await listen(server);
  t.teardown(() => closeServer(server));
  return port;
}

async function check(args: readonly string[], names = createLookup(), colours = false) {
  const { deps, output } = testDeps({ resolveHost: names.resolve, colours });
  const exitCode = await runCli(['check-health', ...args], deps);
  return { exitCode, ...output };
}

const ca = ['--ca', authority.caFile];

t.test('DNS: no such name, no DNS server, none in time', async (t) => {
  const names = createLookup();
  names.set(NAME, { code: 'ENOTFOUND' });
  t.match(await check(['--login-server', NAME], names), {
    exitCode: 1,
    stdout: /^fail +dns +contoso\.registry\.example +no such name: add an A \(and AAAA\) record/m,
  });
  names.set(NAME, { code: 'EAI_AGAIN' });
  t.match(await check(['--login-server', NAME], names), {
    stdout: /can not be resolved \(EAI_AGAIN\).*resolv\.conf/,
  });
  names.set(NAME, []);
  t.match(await check(['--login-server', NAME], names), { stdout: /no such name/ });
  const silent = { resolve: () => new Promise<readonly string[]>(() => {}), set: () => {} };
  t.match(await check(['--login-server', NAME, '--timeout', '1'], silent), {
    stdout: /did not answer in time/,
  });
});

t.test('the port refuses, or drops', async (t) => {
  const port = await refusedPort();
  t.match(await check(['--login-server', `http://${NAME}:${port}`]), {
    exitCode: 1,
    stdout: /^fail +connect .* port \d+ refuses connections: start what should listen there/m,
  });
  // A process that listens and never accepts: once its queue is full, the kernel drops what comes, as a firewall does.
  const script = `const s = require('node:net').createServer(); s.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    require('node:fs').writeSync(1, String(s.address().port)); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [word]: [Buffer] = (await once(child.stdout, 'data')) as [Buffer];
  const full = Number(word.toString());
  const fillers = Array.from({ length: 8 }, () => connect(full, '127.0.0.1').on('error', () => {}));
  t.teardown(() => {
    for (const filler of fillers) filler.destroy();
    child.kill('SIGKILL');
  });
  await once(fillers[0] ?? t, 'connect');
  t.match(await check(['--login-server', `http://${NAME}:${full}`, '--timeout', '1']), {
    exitCode: 1,
    stdout:
      /^fail +connect .* port \d+ gives no sign within 1 s: a firewall drops the packets: let TCP port \d+/m,
  });
});

t.test('one address family works, the other one does not', async (t) => {
  const port = await serve(t, berth);
  const names = createLookup();
  names.set(NAME, ['::1', '127.0.0.1']);
  t.match(await check(['--login-server', `http://${NAME}:${port}`], names), {
    exitCode: 0,
    stdout:
      /^warn +connect .*::1 port \d+ .*IPv6 does not get there from here: .* take the AAAA record away/m,
  });
  names.set(NAME, ['127.0.0.2', '127.0.0.1']);
  t.match(await check(['--login-server', `http://${NAME}:${port}`], names), {
    stdout: /clients that are given this address first/,
  });
});

t.test('certificates: another name, expired, not yet, unknown authority, soon', async (t) => {
  const ask = (port: number, ...more: string[]) => check(['--login-server', `${NAME}:${port}`, ...more]);
  const other = await serve(t, berth, ['other.example']);
  t.match(await ask(other, ...ca), {
    exitCode: 1,
    stdout:
      /^fail +certificate +contoso\.registry\.example +it is for other\.example, not for contoso\.registry\.example: issue one/m,
  });
  const now = Date.now();
  const past = { notBefore: new Date(now - 10 * DAY_MS), notAfter: new Date(now - 2 * DAY_MS) };
  t.match(await ask(await serve(t, berth, [NAME], past), ...ca), {
    exitCode: 1,
    stdout: /^fail +certificate .* it expired on .*: renew it/m,
  });
  const future = { notBefore: new Date(now + 2 * DAY_MS), notAfter: new Date(now + 10 * DAY_MS) };
  t.match(await ask(await serve(t, berth, [NAME], future), ...ca), {
    exitCode: 1,
    stdout: /it is valid from .* only: check this machine's clock/,
  });
  const sound = await serve(t, berth, [NAME]);
  t.match(await ask(sound), {
    exitCode: 1,
    stdout:
      /it is not trusted here \(\w+\); it was issued by "Berth test authority": name its authority with --ca/,
  });
  t.match(await ask(sound, ...ca), { exitCode: 0 });
  const soon = { notAfter: new Date(now + 3.5 * DAY_MS) };
  t.match(await ask(await serve(t, berth, [NAME], soon), ...ca), {
    exitCode: 0,
    stdout: /^warn +certificate .* expires in 3 days/m,
  });
});

t.test('no TLS at the port, and a handshake that is not answered', async (t) => {
  const plain = await serve(t, berth);
  t.match(await check(['--login-server', `${NAME}:${plain}`]), {
    exitCode: 1,
    stdout: /^fail +certificate .* speaks no TLS: set tls/m,
  });
  const silent = createTcpServer();
  const port = await listen(silent);
  t.teardown(() => void silent.close());
  silent.on('connection', (socket) => t.teardown(() => void socket.destroy()));
  t.match(await check(['--login-server', `${NAME}:${port}`, '--timeout', '1']), {
    stdout: /handshake was not done within 1 s: look for a firewall/,
  });
  t.match(await check(['--login-server', `http://${NAME}:${port}`, '--timeout', '1']), {
    stdout: /^fail +login-server .* no answer within 1 s/m,
  });
  const cutting = createTcpServer((socket) => void socket.destroy());
  const cut = await listen(cutting);
  t.teardown(() => void cutting.close());
  t.match(await check(['--login-server', `${NAME}:${cut}`]), {
    stdout: /the TLS handshake failed \((ECONNRESET|the connection was closed)\)/,
  });
});

t.test("Berth's own words, a sentence, go before what to do", async (t) => {
  const port = await serve(t, (request, response) => {
    response.statusCode = 502;
    response.setHeader('x-request-id', String(request.headers['x-request-id']));
    response.end('{"errors":[{"message":"The upstream gave no answer; try again later."}]}');
  });
  t.match(await check(['--login-server', `http://${NAME}:${port}`]), {
    exitCode: 1,
    stdout: /it answers 502: The upstream gave no answer; try again later: its upstream is in trouble/,
  });
});

t.test('a data endpoint below its login server', async (t) => {
  const port = await serve(t, berth);
  const below = await check([
    '--login-server',
    `http://${NAME}:${port}`,
    '--data-endpoint',
    `eastus.data.${NAME}:${port}`,
  ]);
  t.match(below, {
    exitCode: 1,
    stdout:
      /^fail +names +eastus\.data\.contoso\S+ +it is below the login server \S+, so that clients send their token to it: give/m,
  });
  t.match(await check(['--login-server', `http://${NAME}:${port}`, '--data-endpoint', `${NAME}:${port}`]), {
    stdout: /it is the same as the login server/,
  });
});

t.test('clocks that differ', async (t) => {
  const skewed = (ms: number) =>
    serve(t, (request, response) => {
      response.setHeader('date', new Date(Date.now() - ms).toUTCString());
      berth(request, response);
    });
  t.match(await check(['--login-server', `http://${NAME}:${await skewed(600_000)}`]), {
    exitCode: 1,
    stdout:
      /^fail +clock .* this machine's clock is (599|600|601) s ahead of it: storage links, tickets and tokens count as expired early: let NTP/m,
  });
  t.match(await check(['--login-server', `http://${NAME}:${await skewed(-120_000)}`]), {
    exitCode: 0,
    stdout: /^warn +clock .* is (119|120|121) s behind it: .* are used after they have expired/m,
  });
});

t.test('something in between answers or rewrites', async (t) => {
  const answers = async (listener: RequestListener) =>
    check(['--login-server', `http://${NAME}:${await serve(t, listener)}`]);
  t.match(
    await answers((_request, response) => void response.setHeader('server', 'squid').end('Access denied')),
    {
      exitCode: 1,
      stdout: /^fail +login-server .* what answers GET \/v2\/ \(status 200, squid\) is not Berth/m,
    },
  );
  const status =
    (code: number, fields: Record<string, string> = {}): RequestListener =>
    (request, response) => {
      response.writeHead(code, { ...fields, 'x-request-id': String(request.headers['x-request-id']) });
      response.end('{"errors":[{"code":"X","message":"words\\u0007"}]}');
    };
  t.match(await answers(status(421)), {
    exitCode: 1,
    stdout: /does not know the host .* must keep the Host field/,
  });
  t.match(await answers(status(403)), {
    exitCode: 1,
    stdout: /it refuses this machine: words.*see networkRules/,
  });
  t.match(await answers(status(429)), { exitCode: 0, stdout: /^warn +login-server .* answers 429/m });
  t.match(await answers(status(418)), { exitCode: 1, stdout: /it answers 418/ });
  t.match(await answers(status(401)), {
    exitCode: 1,
    stdout: /401 without a challenge: a proxy in between takes WWW-Authenticate/,
  });
  const challenge = (realm: string) => ({ 'www-authenticate': `Bearer realm="${realm}",service="x"` });
  t.match(await answers(status(401, challenge('https://elsewhere.example/token'))), {
    exitCode: 0,
    stdout:
      /^warn +login-server .* names the token service elsewhere\.example, which clients must then reach/m,
  });
  t.match(await answers(status(401, challenge(`http://${NAME}/oauth2/token`))), {
    exitCode: 0,
    stdout: /^ok +login-server/m,
  });
});

t.test('a data endpoint that is something else', async (t) => {
  const login = await serve(t, berth);
  const ask = async (listener: RequestListener) => {
    const port = await serve(t, listener);
    return check(['--login-server', `http://${NAME}:${login}`, '--data-endpoint', `data.example:${port}`]);
  };
  t.match(await ask((_request, response) => void response.end('hello')), {
    exitCode: 1,
    stdout: /^fail +data-endpoint +data\.example:\d+ +what answers \(status 200\) is not Berth/m,
  });
  t.match(await ask(berth), { exitCode: 1, stdout: /^fail +data-endpoint .* it answers 200/m });
  t.match(
    await ask((request, response) => {
      response.statusCode = 421;
      berth(request, response);
    }),
    { exitCode: 1, stdout: /^fail +data-endpoint .* does not know the host/m },
  );
});

t.test('colours are for terminals', async (t) => {
  const port = await serve(t, berth);
  const plain = await check(['--login-server', `http://${NAME}:${port}`]);
  t.notMatch(plain.stdout, '\u001b');
  const coloured = await check(['--login-server', `http://${NAME}:${port}`], createLookup(), true);
  t.match(coloured.stdout, '\u001b[32mok\u001b[39m');
  const json = await check(['--login-server', `http://${NAME}:${port}`, '-o', 'json'], createLookup(), true);
  t.notMatch(json.stdout, '\u001b');
});
