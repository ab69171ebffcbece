// Child of the benchmark: `node bench/growth/idle-connections.ts HOST PORT PATH COUNT` opens COUNT connections, asks for PATH once over
// each, prints a line when all have been answered, and keeps them open until its standard input ends.
import { once } from 'node:events';
import net from 'node:net';

/** Opened at once: below the backlog of a listener. */
const AT_ONCE = 64;

const [, , host = '', port = '', path = '', count = '0'] = process.argv;
const question = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: idle\r\nAccept: */*\r\n\r\n`;
const sockets: net.Socket[] = [];
let left = Number(count);

async function open(): Promise<void> {
  const socket = net.connect(Number(port), '127.0.0.1');
  sockets.push(socket);
  await once(socket, 'connect');
  socket.write(question);
  const [answer]: unknown[] = await once(socket, 'data');
  if (!String(answer).startsWith('HTTP/1.1 200 '))
    throw new Error(`not answered: ${String(answer).slice(0, 100)}`);
  socket.resume();
  socket.on('close', () => {
    throw new Error('an idle connection was closed');
  });
}

await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (left > 0) {
      left -= 1;
      await open();
    }
  }),
);
console.log('open');
process.stdin.resume();
await once(process.stdin, 'end');
for (const socket of sockets) {
  socket.removeAllListeners('close');
  socket.destroy();
}
