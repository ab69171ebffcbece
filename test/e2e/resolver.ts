import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { RESOLVER_ADDRESS } from './hosts-file.ts';

export type Resolver = {
  /** Names asked for since the last call, sorted; the list is emptied. */
  takeQuestions(): string[];
  /** From now on the name has IPv4 addresses: one for each question in turn, the last of them for all further ones. */
  setAddresses(name: string, addresses: readonly string[]): void;
  close(): Promise<void>;
};

const HEADER_BYTES = 12;
/** Response, recursion desired and available; "no such name" is the same with RCODE 3 (RFC 1035 §4.1.1). */
const FOUND = 0x8180;
const NO_SUCH_NAME = 0x8183;
/** A pointer to the question's name, type A, class IN, TTL 0, four bytes of address (RFC 1035 §4.1.3). */
const ANSWER = Buffer.from([0xc0, HEADER_BYTES, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
const TYPE_A = 1;

type Question = { readonly name: string; readonly type: number; readonly end: number };

/** The first question in a DNS message. */
function questionOf(message: Buffer): Question {
  const labels: string[] = [];
  let offset = HEADER_BYTES;
  for (let length = message[offset] ?? 0; length > 0; length = message[offset] ?? 0) {
    labels.push(message.toString('latin1', offset + 1, offset + 1 + length));
    offset += 1 + length;
  }
  const end = offset + 5;
  const type = end <= message.length ? message.readUInt16BE(offset + 1) : 0;
  return { name: labels.join('.').toLowerCase(), type, end };
}

/** The header and question of `message` with another outcome; `address` undefined: no record of this type. */
function answerTo(message: Buffer, end: number, flags: number, address?: string): Buffer {
  const start = Buffer.from(message.subarray(0, end));
  start.writeUInt16BE(flags, 2);
  start.writeUInt16BE(address === undefined ? 0 : 1, 6);
  // Neither authority nor additional records: the question's own OPT record is cut off.
  start.writeUInt32BE(0, 8);
  if (address === undefined) return start;
  return Buffer.concat([start, ANSWER, Buffer.from(address.split('.').map(Number))]);
}

/**
 * A DNS server that remembers which names were asked for. It knows those of `setAddresses` only: the run's own are in the
 * hosts file.
 */
export async function startResolver(): Promise<Resolver> {
  const questions = new Set<string>();
  const known = new Map<string, readonly string[]>();
  const socket = createSocket('udp4');
  const answer = (message: Buffer): Buffer => {
    const { name, type, end } = questionOf(message);
    questions.add(name);
    const addresses = known.get(name);
    if (addresses === undefined) return answerTo(message, end, NO_SUCH_NAME);
    if (type !== TYPE_A) return answerTo(message, end, FOUND);
    const [address, ...later] = addresses;
    if (later.length > 0) known.set(name, later);
    return answerTo(message, end, FOUND, address);
  };
  socket.on('message', (message, from) => {
    if (message.length > HEADER_BYTES) socket.send(answer(message), from.port, from.address);
  });
  socket.bind(53, RESOLVER_ADDRESS);
  await once(socket, 'listening');
  return {
    takeQuestions() {
      const taken = [...questions].toSorted();
      questions.clear();
      return taken;
    },
    setAddresses: (name, addresses) => void known.set(name.toLowerCase(), addresses),
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
}
