import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { limited } from './limiting.ts';
import { openScene, type Scene } from './scene.ts';

const HOST = 'Host: contoso.registry.example';

/** The status line of what comes back for these bytes, on a connection of their own. */
async function statusOf(scene: Scene, ...lines: readonly string[]): Promise<string> {
  const socket = connect(scene.berth.port, '127.0.0.1');
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (data) => {
    answer += data.toString('latin1');
    if (answer.includes('\r\n')) socket.destroy();
  });
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  await once(socket, 'close');
  return answer.slice(0, 'HTTP/1.1 200'.length);
}

t.test('L2 also what no door is asked for: no audit event for what comes too often', async (t) => {
  const scene = await openScene(t, {
    config: limited({ requestsPerClient: { perSecond: 1 / 3600, burst: 1 } }),
    registry: { scheme: 'http' },
    tls: false,
  });
  t.equal(await statusOf(scene, 'OPTIONS /v2/ HTTP/1.1', HOST), 'HTTP/1.1 405', 'the first');
  const rows: readonly (readonly string[])[] = [
    ['OPTIONS /v2/ HTTP/1.1', HOST],
    ['GET /v2/ HTTP/1.1'],
    ['GET /v2/ HTTP/1.1', HOST, HOST],
    ['GET http://[ HTTP/1.1', HOST],
    ['POST /v2/ HTTP/1.1', HOST, 'Transfer-Encoding: gzip, chunked', '', '0'],
    ['PUT /v2/ HTTP/1.1', HOST, 'Expect: something'],
    ['CONNECT attacker.example:443 HTTP/1.1', 'Host: attacker.example:443'],
    ['NONSENSE'],
    [`GET /v2/ HTTP/1.1`, HOST, `X-Long: ${'x'.repeat(20_000)}`],
  ];
  for (const lines of rows) t.equal(await statusOf(scene, ...lines), 'HTTP/1.1 429', lines.join(' '));
  t.equal(await scene.berth.metric('berth_client_limit_refusals_total', { limit: 'requests' }), rows.length);
  t.equal(await scene.berth.metric('berth_audit_events_total'), 1, 'of the first alone');
});
