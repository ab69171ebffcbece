import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { listen } from '../support/server.ts';
import { until } from '../support/until.ts';
import { type FaultKind, type Link, openLink } from './link.ts';

/** Says back what it is told. */
async function openEcho(t: Test): Promise<{ readonly port: number; readonly taken: () => number }> {
  let taken = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    taken += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  const port = await listen(server);
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port, taken: () => taken };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

async function open(t: Test, ...ports: readonly number[]): Promise<{ link: Link; port: number }> {
  const port = await freePort();
  const [first = 0, ...others] = ports;
  const target = (of: number) => ({ host: '127.0.0.1', port: of });
  const link = await openLink({
    name: 'test',
    at: target(port),
    targets: [target(first), ...others.map(target)],
  });
  t.teardown(() => link.end());
  return { link, port };
}

type Seen = { readonly socket: Socket; text: string; ended: string };

function dial(t: Test, port: number): Seen {
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  const seen: Seen = { socket, text: '', ended: 'no' };
  socket.on('data', (chunk: Buffer) => {
    seen.text += chunk.toString('latin1');
  });
  socket.on('end', () => {
    seen.ended = 'fin';
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    seen.ended = error.code ?? 'error';
  });
  return seen;
}

async function talk(seen: Seen, text: string): Promise<void> {
  const before = seen.text.length;
  seen.socket.write(text);
  await until(() => seen.text.length >= before + text.length, `an echo of ${text}`);
}

t.test('a sound line passes both ways, and the end', async (t) => {
  const { port, link } = await open(t, (await openEcho(t)).port);
  const seen = dial(t, port);
  await talk(seen, 'hello');
  t.equal(seen.text, 'hello');
  t.equal(link.connections(), 1);
  seen.socket.end();
  await until(() => seen.ended === 'fin', 'the end comes back');
  await until(() => link.connections() === 0, 'nothing is left');
});

t.test('cut and reset end what is open, and nothing else', async (t) => {
  const { port, link } = await open(t, (await openEcho(t)).port);
  for (const [kind, ended] of [
    ['cut', 'fin'],
    ['reset', 'ECONNRESET'],
  ] as const) {
    const seen = dial(t, port);
    await talk(seen, 'one');
    await link.begin(kind);
    await until(() => seen.ended === ended, `${kind} is ${ended}`);
    await talk(dial(t, port), 'two');
  }
});

t.test('a stall passes nothing until it is over, then everything', async (t) => {
  const { port, link } = await open(t, (await openEcho(t)).port);
  const [seen, other] = [dial(t, port), dial(t, port)];
  await talk(seen, 'one');
  await link.begin('stall');
  seen.socket.write('two');
  await link.begin('delay');
  // What was held back has passed, and this passes late.
  await talk(other, 'three');
  await until(() => seen.text === 'onetwo', 'what was held back');
  await link.clear();
});

t.test('slow and delayed bytes are the same bytes', async (t) => {
  const { port, link } = await open(t, (await openEcho(t)).port);
  for (const kind of ['slow', 'delay'] satisfies FaultKind[]) {
    await link.begin(kind);
    const seen = dial(t, port);
    await talk(seen, 'abc'.repeat(3000));
    t.equal(seen.text, 'abc'.repeat(3000));
  }
});

t.test('refused while it lasts; what is open stays', async (t) => {
  const { port, link } = await open(t, (await openEcho(t)).port);
  const before = dial(t, port);
  await talk(before, 'one');
  await link.begin('refuse');
  const seen = dial(t, port);
  await until(() => seen.ended === 'ECONNREFUSED', 'nobody listens');
  await talk(before, 'two');
  await link.clear();
  await talk(dial(t, port), 'three');
});

t.test('an outage ends everything and refuses', async (t) => {
  const { port, link } = await open(t, (await openEcho(t)).port);
  const before = dial(t, port);
  await talk(before, 'one');
  await link.begin('outage');
  await until(() => before.ended === 'ECONNRESET', 'the open one');
  const seen = dial(t, port);
  await until(() => seen.ended === 'ECONNREFUSED', 'a new one');
  await link.clear();
  await talk(dial(t, port), 'two');
});

t.test('half open: taken, never led on, reset in the end', async (t) => {
  const echo = await openEcho(t);
  const { port, link } = await open(t, echo.port);
  await link.begin('half_open');
  const seen = dial(t, port);
  await once(seen.socket, 'connect');
  seen.socket.write('anybody?');
  await until(() => link.connections() === 1, 'it is taken');
  t.equal(echo.taken(), 0);
  await link.clear();
  await until(() => seen.ended === 'ECONNRESET', 'it is reset');
  t.equal(seen.text, '');
  await talk(dial(t, port), 'two');
});

t.test('garbage: one byte of one chunk is another', async (t) => {
  const { port, link } = await open(t, (await openEcho(t)).port);
  const seen = dial(t, port);
  await talk(seen, 'x');
  await link.begin('garbage');
  await talk(seen, 'aaaaa');
  const wrong = seen.text.slice(1).replaceAll('a', '');
  t.equal(wrong.length, 1);
  await talk(seen, 'bbb');
  t.ok(seen.text.endsWith('bbb'), 'the next chunk is right again');
});

t.test('several targets in turn, past one that refuses, or one alone', async (t) => {
  const [one, other, gone] = [await openEcho(t), await openEcho(t), await freePort()];
  const { port, link } = await open(t, one.port, other.port, gone);
  for (let count = 0; count < 6; count += 1) await talk(dial(t, port), 'hello');
  t.ok(one.taken() > 0 && other.taken() > 0);
  t.equal(one.taken() + other.taken(), 6);
  link.only(1);
  const before = other.taken();
  for (let count = 0; count < 3; count += 1) await talk(dial(t, port), 'hello');
  t.equal(other.taken(), before + 3);
  link.only(2);
  const seen = dial(t, port);
  await until(() => seen.ended === 'ECONNRESET', 'nobody else takes it');
});
