import { linkSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import t from 'tap';
import { openControlSocket } from '../../src/admin/control-socket.ts';
import { shortDirectory } from '../flow/switchable.ts';

t.test('nobody else can reach it from its first moment on', async (t) => {
  const path = join(shortDirectory(t), 'made/admin.sock');
  const server = createServer((socket) => socket.end());
  let hidden = 0;
  server.on('listening', () => {
    const address = server.address();
    if (typeof address !== 'string') throw new Error('not a path');
    hidden = statSync(dirname(address)).mode & 0o777;
    t.not(address, path, 'not under its own name yet');
    t.throws(() => statSync(path), { code: 'ENOENT' });
  });
  const close = await openControlSocket(path, server);
  t.teardown(() => server.close());
  t.equal(hidden, 0o700, 'made where nobody else may look');
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(statSync(dirname(path)).mode & 0o777, 0o700);
  t.strictSame(readdirSync(dirname(path)), ['admin.sock']);
  await close();
  t.strictSame(readdirSync(dirname(path)), []);
});

t.test('the name is given up only where it is still ours', async (t) => {
  const directory = shortDirectory(t);
  const path = join(directory, 'admin.sock');
  const [one, other] = [createServer(), createServer()];
  const close = await openControlSocket(path, one);
  linkSync(path, join(directory, 'kept'));
  one.close();
  const closeOther = await openControlSocket(path, other);
  t.teardown(() => other.close());
  await close();
  t.ok(statSync(path).isSocket(), "the other's socket is left");
  await closeOther();
});

t.test('what can not be used is said', async (t) => {
  const directory = shortDirectory(t);
  const live = createServer();
  await openControlSocket(join(directory, 'live.sock'), live);
  t.teardown(() => live.close());
  writeFileSync(join(directory, 'file'), '');
  symlinkSync(join(directory, 'live.sock'), join(directory, 'link'));
  const rows = [
    ['live.sock', 'socket_in_use', /another process answers/],
    ['file', 'socket_not_ours', /something else than a socket/],
    ['link', 'socket_not_ours', /something else than a socket/],
    ['file/admin.sock', 'socket_unusable', /can not be opened \((ENOTDIR|EEXIST)\)/],
    ['x'.repeat(90), 'socket_unusable', /too long a path/],
  ] as const;
  for (const [name, code, message] of rows) {
    await t.rejects(openControlSocket(join(directory, name), createServer()), { code, message }, name);
  }
  t.strictSame(readdirSync(directory).toSorted(), ['file', 'link', 'live.sock'], 'nothing is left behind');
});
