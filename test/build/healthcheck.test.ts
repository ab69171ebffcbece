import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import t from 'tap';

const SCRIPT = join(import.meta.dirname, '../../build/healthcheck.ts');

async function exitCode(url: string): Promise<unknown> {
  const child = spawn(process.execPath, [SCRIPT], { env: { HEALTHCHECK_URL: url }, stdio: 'ignore' });
  const [code] = await once(child, 'exit');
  return code;
}

t.test('healthy is whoever answers, but for a fault of its own', async (t) => {
  let status = 200;
  const server = createServer((_request, response) => response.writeHead(status).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
  t.equal(await exitCode(url), 0);
  status = 401;
  t.equal(await exitCode(url), 0, 'a login server, asked for /v2/ by nobody');
  status = 503;
  t.equal(await exitCode(url), 1);
  t.equal(await exitCode('http://127.0.0.1:9/'), 1, 'nobody listens');
});
