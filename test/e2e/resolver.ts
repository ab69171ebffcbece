import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { RESOLVER_ADDRESS } from './hosts-file.ts';

export type Resolver = {
  /** Names asked for since the last call, sorted; the list is emptied. */
  takeQuestions(): string[];
  close(): Promise<void>;
};

const HEADER_BYTES = 12;
/** Answer, recursion available, "no such name" (RFC 1035 §4.1.1). */
const NO_SUCH_NAME = 0x8183;

/** The name of the first question in a DNS message. */
function questionOf(message: Buffer): string {
  const labels: string[] = [];
  let offset = HEADER_BYTES;
  for (let length = message[offset] ?? 0; length > 0; length = message[offset] ?? 0) {
    labels.push(message.toString('latin1', offset + 1, offset + 1 + length));
    offset += 1 + length;
  }
  return labels.join('.').toLowerCase();
}

/** A DNS server that knows no name and remembers which ones were asked for: those of the run are in the hosts file. */
export async function startResolver(): Promise<Resolver> {
  const questions = new Set<string>();
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => {
    if (message.length <= HEADER_BYTES) return;
    questions.add(questionOf(message));
    const answer = Buffer.from(message);
    answer.writeUInt16BE(NO_SUCH_NAME, 2);
    socket.send(answer, from.port, from.address);
  });
  socket.bind(53, RESOLVER_ADDRESS);
  await once(socket, 'listening');
  return {
    takeQuestions() {
      const taken = [...questions].toSorted();
      questions.clear();
      return taken;
    },
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
}
