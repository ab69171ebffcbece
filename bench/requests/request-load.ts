// Child of the benchmark: `node bench/requests/request-load.ts HOST PORT PATH STATUS CONNECTIONS REQUESTS` asks for PATH again
// and again over kept connections, each answer to be of STATUS, and prints the seconds it took. PATH may be `@FILE`: a path on
// each line, asked for one after the other.
import { readFileSync } from 'node:fs';
import net from 'node:net';

const [, , host = '', port = '', path = '', status = '', connections = '', requests = ''] = process.argv;
// What a container client takes; distribution refuses OCI manifests to who does not name their type.
const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  '*/*',
].join(', ');
const questions = (
  path.startsWith('@') ? readFileSync(path.slice(1), 'utf8').trim().split('\n') : [path]
).map((each) =>
  Buffer.from(
    `GET ${each} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: load\r\nAccept: ${ACCEPT}\r\n\r\n`,
    'latin1',
  ),
);
const HEADER_END = '\r\n\r\n';
let left = Number(requests);

/** Bytes of the answer at the start of `received`; undefined where its header section is not all there. */
function answerBytes(received: Buffer): number | undefined {
  const end = received.indexOf(HEADER_END);
  if (end < 0) return undefined;
  const head = received.toString('latin1', 0, end);
  if (!head.startsWith(`HTTP/1.1 ${status} `)) throw new Error(`not ${status} for ${path}: ${head}`);
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  if (length === undefined) throw new Error(`no length: ${head}`);
  return end + HEADER_END.length + Number(length);
}

function ask(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), '127.0.0.1', next);
    let received: Buffer = Buffer.alloc(0);
    socket.setNoDelay(true);
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const wanted = answerBytes(received);
      if (wanted === undefined || received.length < wanted) return;
      received = received.subarray(wanted);
      next();
    });
    function next(): void {
      left -= 1;
      if (left >= 0) socket.write(questions[left % questions.length] ?? '');
      else socket.destroy();
    }
  });
}

const before = performance.now();
await Promise.all(Array.from({ length: Number(connections) }, ask));
if (left > 0) throw new Error(`${left} requests were not answered: a connection was closed`);
console.log((performance.now() - before) / 1_000);
