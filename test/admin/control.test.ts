import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { createControl } from '../../src/admin/control.ts';
import { createMigration } from '../../src/endpoints/migration.ts';
import { openSettings } from '../../src/endpoints/settings.ts';
import { askControl, shortDirectory } from '../flow/switchable.ts';
import { loadedRegistry } from '../support/config-file.ts';

async function open(t: Test) {
  const directory = shortDirectory(t);
  const registry = loadedRegistry();
  const log = pino({ level: 'silent' });
  const settings = await openSettings({
    directory,
    registries: [registry],
    inRollout: () => true,
    log,
    onState: () => {},
    now: Date.now,
  });
  const socket = join(directory, 'admin.sock');
  const migration = createMigration({ now: Date.now });
  const control = createControl(socket, {
    registries: () => [registry],
    settings,
    migration,
    log,
    now: Date.now,
  });
  t.teardown(() => control.close());
  return { control, socket };
}

t.test('answers, and ends although a client keeps its connection without a word', async (t) => {
  const { control, socket } = await open(t);
  await control.listen();
  t.match(await askControl(socket, 'GET', '/v1/registries/contoso'), {
    status: 200,
    document: { name: 'contoso' },
  });
  const silent = connect({ path: socket });
  silent.on('error', () => {});
  await once(silent, 'connect');
  const closed = once(silent, 'close');
  await control.close();
  await closed;
  await t.rejects(askControl(socket, 'GET', '/v1/registries/contoso'), { code: 'ENOENT' });
  await t.resolves(control.close(), 'twice does nothing');
});

t.test('close without listen', async (t) => {
  const { control } = await open(t);
  await t.resolves(control.close());
});

t.test('header sections and connections are limited', async (t) => {
  const { control, socket } = await open(t);
  await control.listen();
  const large = connect({ path: socket });
  large.on('error', () => {});
  large.write(`GET /v1/registries/contoso HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(9000)}\r\n\r\n`);
  const [answer] = await once(large, 'data');
  t.match(String(answer), /^HTTP\/1\.1 431 /);
  const open16 = Array.from({ length: 16 }, () => connect({ path: socket }));
  t.teardown(() => {
    for (const each of open16) each.destroy();
  });
  await Promise.all(open16.map((each) => once(each, 'connect')));
  const one = connect({ path: socket });
  one.on('error', () => {});
  await once(one, 'close');
  t.pass('the seventeenth is closed');
});
