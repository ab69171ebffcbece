import { once } from 'node:events';
import http from 'node:http';

/**
 * Asks for `bytes=<firstPos>-` as containerd's parallel fetch does: reads `wanted` bytes or up to the end, and hangs up.
 * Gives what was read; 0 where the answer was not a range.
 */
export async function readAndHangUp(url: string, firstPos: number, wanted: number): Promise<number> {
  const { port, host, pathname } = new URL(url);
  const request = http.get({
    agent: false,
    host: '127.0.0.1',
    port,
    path: pathname,
    headers: { host, range: `bytes=${firstPos}-` },
  });
  request.on('error', () => {});
  // node:events resolves with the arguments of the event.
  const [response]: unknown[] = await once(request, 'response');
  if (!(response instanceof http.IncomingMessage)) throw new Error(`${url}: no response`);
  const isRange = response.statusCode === 206 || (response.statusCode === 200 && firstPos === 0);
  let got = 0;
  try {
    if (!isRange) return 0;
    for await (const chunk of response) {
      if (Buffer.isBuffer(chunk)) got += chunk.length;
      if (got >= wanted) break;
    }
    return Math.min(got, wanted);
  } finally {
    request.destroy();
  }
}
