import { once } from 'node:events';
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { openScene } from './scene.ts';
import { shortDirectory, startSwitchable } from './switchable.ts';

const OFF = { delivery: 'passthrough' } as const;

t.test('W7 the control socket is private, and one that nobody answers on is replaced', async (t) => {
  const scene = await openScene(t);
  const directory = shortDirectory(t);
  const run = join(directory, 'run');
  mkdirSync(run, { mode: 0o700 });
  const stale = createServer();
  stale.listen(join(run, 'first.sock'));
  await once(stale, 'listening');
  const socket = join(run, 'admin.sock');
  linkSync(join(run, 'first.sock'), socket);
  await new Promise((resolve) => stale.close(resolve));
  t.ok(existsSync(socket), 'a socket is left behind');
  const there = await startSwitchable(t, scene, directory, OFF);
  t.equal(statSync(socket).mode & 0o777, 0o600);
  t.equal((await there.update(true)).status, 200);
  t.strictSame(readdirSync(run), ['admin.sock'], 'nothing else is left');

  await t.rejects(startSwitchable(t, scene, directory, OFF), {
    message: /another process answers at the control socket .*admin\.sock: stop it, or give each/,
  });
  await t.rejects(startSwitchable(t, scene, directory, { delivery: 'dedicated' }), /another process answers/);
  t.match(
    JSON.parse(readFileSync(join(directory, 'state/settings.json'), 'utf8')),
    { registries: { contoso: { dataEndpointEnabled: true } } },
    'what the first has kept is not touched',
  );
  t.equal((await there.ask('GET', '/v1/registries/contoso')).status, 200, 'the first goes on');
  await there.berth.close();
  t.notOk(existsSync(socket), 'taken away at the end');

  writeFileSync(socket, 'mine');
  await t.rejects(startSwitchable(t, scene, directory, OFF), { message: /something else than a socket/ });
  t.equal(readFileSync(socket, 'utf8'), 'mine');
});

t.test('W8 what the control socket does not know is refused, and nothing is done', async (t) => {
  const scene = await openScene(t);
  const there = await startSwitchable(t, scene, shortDirectory(t), OFF);
  const path = '/v1/registries/contoso';
  const rows = [
    ['PATCH', path, undefined, 400, 'malformed'],
    ['PATCH', path, '{', 400, 'malformed'],
    ['PATCH', path, '{"dataEndpointEnabled":"true"}', 400, 'malformed'],
    ['PATCH', path, '{"dataEndpointEnabled":true,"percent":5}', 400, 'malformed'],
    ['PATCH', path, '[true]', 400, 'malformed'],
    ['PATCH', path, `{"dataEndpointEnabled":true${' '.repeat(5000)}}`, 413, 'too_large'],
    ['PUT', path, '{"dataEndpointEnabled":true}', 405, 'method_not_allowed'],
    ['DELETE', path, undefined, 405, 'method_not_allowed'],
    ['PATCH', `${path}/migration`, '{"dataEndpointEnabled":true}', 405, 'method_not_allowed'],
    ['PATCH', '/v1/registries/fabrikam', '{"dataEndpointEnabled":true}', 404, 'unknown_registry'],
    ['PATCH', '/v2/registries/contoso', '{"dataEndpointEnabled":true}', 404, 'unknown_path'],
    ['GET', '/', undefined, 404, 'unknown_path'],
    ['GET', `${path}/../contoso`, undefined, 404, 'unknown_path'],
  ] as const;
  for (const [method, target, body, status, code] of rows) {
    const answer = await there.ask(method, target, body);
    t.equal(answer.status, status, `${method} ${target}`);
    t.match(answer.document, { error: { code } });
  }
  t.match((await there.ask('GET', path)).document, { dataEndpointEnabled: false });
});
