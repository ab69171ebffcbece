import { once } from 'node:events';
import http from 'node:http';

const MAX_REDIRECTS = 2;

/** One keep-alive client; names below `localhost` are loopback. */
export type TimedClient = {
  /** Milliseconds from the question to the first byte of the blob, redirects followed; reads the rest, too. */
  timeFirstByte: (url: string, bytes: number) => Promise<number>;
  close: () => void;
};

export function openTimedClient(): TimedClient {
  const agent = new http.Agent({ keepAlive: true });
  const ask = async (url: string): Promise<http.IncomingMessage> => {
    const { hostname, port, host, pathname, search } = new URL(url);
    const address = hostname.endsWith('localhost') ? '127.0.0.1' : hostname;
    const request = http.get({ agent, host: address, port, path: `${pathname}${search}`, headers: { host } });
    // node:events resolves with the arguments of the event.
    const [response]: unknown[] = await once(request, 'response');
    if (!(response instanceof http.IncomingMessage)) throw new Error(`${url}: no response`);
    return response;
  };
  return {
    async timeFirstByte(url, bytes) {
      const before = performance.now();
      let response = await ask(url);
      for (let redirects = 0; response.statusCode === 307; redirects += 1) {
        if (redirects === MAX_REDIRECTS) throw new Error(`${url}: too many redirects`);
        // A connection that is to be used again must be read to the end.
        response.resume();
        await once(response, 'end');
        response = await ask(response.headers.location ?? '');
      }
      let [taken, got] = [Number.NaN, 0];
      for await (const chunk of response) {
        if (got === 0) taken = performance.now() - before;
        if (Buffer.isBuffer(chunk)) got += chunk.length;
      }
      if (response.statusCode !== 200 || got !== bytes) {
        throw new Error(`${url}: ${response.statusCode} and ${got} bytes, not ${bytes}`);
      }
      return taken;
    },
    close: () => agent.destroy(),
  };
}
