import { createServer, request as send } from 'node:http';
import { closeServer, listen } from './server.ts';

/** What befalls each request: an answer of the proxy's own, silence, or an end in the middle of the body. */
export type ProxyFault = 'none' | 'silence' | 'cut' | { readonly status: number };

/** A plain HTTP proxy before one server, which tests break as they like. */
export type FaultProxy = {
  readonly url: string;
  fault: ProxyFault;
  /** Of all requests, by method. */
  readonly methods: string[];
  /** Changes what comes back. */
  alter: ((chunk: Buffer) => Buffer) | undefined;
  close(): Promise<void>;
};

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const server = createServer((request, response) => {
    const { fault } = proxy;
    proxy.methods.push(request.method ?? '');
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    if (fault === 'silence') return;
    if (typeof fault === 'object') {
      request.resume();
      response.writeHead(fault.status, { 'content-length': 0 });
      response.end();
      return;
    }
    const { method, url: path, headers } = request;
    const onward = send({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on('data', (chunk: Buffer) => {
        response.write(proxy.alter?.(chunk) ?? chunk);
        if (fault === 'cut') response.destroy();
      });
      answer.on('end', () => response.end());
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${await listen(server)}`,
    fault: 'none',
    methods: [],
    alter: undefined,
    close: () => closeServer(server),
  };
  return proxy;
}
