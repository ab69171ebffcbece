import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { createMetrics } from '../../../src/metrics/metrics.ts';
import { openSharedState } from '../../../src/state/open-shared-state.ts';
import { MAX_REPLY_BYTES } from '../../../src/state/redis/create-redis-client.ts';
import { listen } from '../../support/server.ts';
import { until } from '../../support/until.ts';

const PONG = '+PONG\r\n';

type Answer = (socket: Socket, command: string) => void;

/** What speaks as Redis does until it is asked for something, and then as it is told to. */
async function openHostile(t: Test, answer: Answer) {
  const metrics = createMetrics();
  const said: { message: string; reason: unknown }[] = [];
  const note = (facts: object, message: string): void =>
    void said.push({ message, reason: 'reason' in facts ? facts.reason : undefined });
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      const command = chunk.toString();
      if (command.includes('PING')) socket.write(PONG);
      else answer(socket, command);
    });
  });
  const port = await listen(server);
  const state = openSharedState(
    {
      url: `redis://127.0.0.1:${port}`,
      passwordFile: null,
      caFile: null,
      keyPrefix: 'test:',
      timeoutMilliseconds: 10_000,
    },
    { metrics, log: { info: note, warn: note } },
  );
  t.teardown(async () => {
    await state.close();
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const isThere = async (): Promise<boolean> => (await metrics.stateAvailable.value({})) === 1;
  await until(isThere, 'it is connected');
  return { state, metrics, said, sockets, isThere };
}

/** As much as the other side takes. */
function pour(socket: Socket, bytes: Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(bytes)) {
      // Until it is full.
    }
  };
  socket.on('drain', more);
  more();
}

const tooLong = new RegExp(`more than ${MAX_REPLY_BYTES} bytes`);

const ANSWERS = [
  [
    'lists of which each wants 264 MB at once',
    (socket) => socket.write('*33000000\r\n'.repeat(40)),
    /131072 items/,
  ],
  ['a text of 512 MiB', (socket) => socket.write('$536870912\r\n'), tooLong],
  [
    'a list without end',
    (socket) => {
      socket.write('*131072\r\n');
      pour(socket, Buffer.from(`$1000\r\n${'1'.repeat(1000)}\r\n`));
    },
    tooLong,
  ],
  ['a line without end', (socket) => pour(socket, Buffer.alloc(16_384, '+')), /RESP2/],
  ['another protocol', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), /RESP2/],
] as const satisfies readonly (readonly [string, Answer, RegExp])[];

await t.test(
  'attack: a Redis whose answers are too long, or none, is left and said to be away',
  async (t) => {
    for (const [what, answer, reason] of ANSWERS) {
      await t.test(what, async (t) => {
        const { state, metrics, said, sockets, isThere } = await openHostile(t, answer);
        const [first] = sockets;
        const closed = new Promise((resolve) => first?.once('close', resolve));
        t.equal(await state.look('group', ['name']), undefined, 'as good as none');
        t.equal(await metrics.stateOperations.value({ operation: 'look', result: 'failed' }), 1);
        await closed;
        const away = said.filter(({ message }) => message.includes('can not be reached'));
        t.equal(away.length, 1, 'said once');
        t.match(away[0]?.reason, reason);
        t.notOk(said.some(({ message }) => message.includes('refuses')));
        await until(isThere, 'it is connected anew');
      });
    }
  },
);

await t.test('attack: a Redis that speaks without being asked is left', async (t) => {
  const { metrics, said, sockets } = await openHostile(t, () => undefined);
  const [first] = sockets;
  const closed = new Promise((resolve) => first?.once('close', resolve));
  first?.write('+invented\r\n');
  await closed;
  await until(() => said.some(({ message }) => message.includes('can not be reached')), 'it is said');
  t.match(said.find(({ message }) => message.includes('can not be reached'))?.reason, /nobody has asked/);
  await until(async () => (await metrics.stateAvailable.value({})) === 1, 'it is connected anew');
});

await t.test('M5 the longest answer there may be is read', async (t) => {
  // HGETALL of so many pieces as are noted of one blob.
  const fields = Array.from({ length: 32_768 }, (_, index) => [String(index), 'n'.repeat(43)]).flat();
  const text = `*${fields.length}\r\n${fields.map((field) => `$${field.length}\r\n${field}\r\n`).join('')}`;
  const { state } = await openHostile(t, (socket) => socket.write(text));
  t.equal((await state.read('record'))?.size, 32_768);
});
