// Child of the benchmark: `node bench/slow-clients.ts HOST PORT PATH[,PATH…] CLIENTS BYTES_PER_SECOND SECONDS` opens CLIENTS
// connections, reads each at BYTES_PER_SECOND for SECONDS, hangs up and prints how much each has got.
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Four reads a second keep the window moving without a storm of timers. */
const READS_PER_SECOND = 4;

type SlowClient = {
  socket: net.Socket;
  bytes: number;
  failure: string | undefined;
  statusLine: string | undefined;
};

const [, , host = '', port = '', paths = '', clients = '', bytesPerSecond = '', seconds = ''] = process.argv;
const readBytes = Math.floor(Number(bytesPerSecond) / READS_PER_SECOND);

function open(path: string): SlowClient {
  const socket = net.connect(Number(port), '127.0.0.1');
  const client: SlowClient = { socket, bytes: 0, failure: undefined, statusLine: undefined };
  // A listener for 'readable' keeps the socket from flowing: bytes wait in the kernel until they are read below.
  socket.on('readable', () => {});
  socket.on('error', (error) => {
    client.failure = error.message;
  });
  socket.on('end', () => {
    client.failure ??= 'ended early';
  });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: slow\r\nAccept: */*\r\n\r\n`);
  return client;
}

function readSome(client: SlowClient): void {
  // Less than asked for is buffered more often than not; read() then wants the amount that is there.
  const amount = Math.min(readBytes, client.socket.readableLength);
  const chunk: unknown = amount > 0 ? client.socket.read(amount) : null;
  if (!Buffer.isBuffer(chunk)) return;
  client.statusLine ??= chunk.toString('latin1', 0, chunk.indexOf('\r\n'));
  client.bytes += chunk.length;
}

const list = paths.split(',');
const all = Array.from({ length: Number(clients) }, (_, number) => open(list[number % list.length] ?? ''));
const end = Date.now() + Number(seconds) * 1_000;
while (Date.now() < end) {
  await delay(1_000 / READS_PER_SECOND);
  for (const client of all) readSome(client);
}
for (const { socket } of all) {
  socket.removeAllListeners('end');
  socket.destroy();
}
console.log(
  JSON.stringify({
    served: all.filter(({ statusLine }) => statusLine === 'HTTP/1.1 200 OK').length,
    failures: [...new Set(all.flatMap(({ failure }) => failure ?? []))],
    leastBytes: Math.min(...all.map(({ bytes }) => bytes)),
    bytes: all.reduce((total, { bytes }) => total + bytes, 0),
  }),
);
