import type { Socket } from 'node:net';
import type { RedisClient } from './redis-connection.ts';
import { createReplyReader, type Reply } from './reply-reader.ts';

/**
 * Bytes of one answer. The longest that Berth asks for is what replicas have noted of one blob, 2 MiB at the most
 * (`MAX_NOTED_PIECES`, src/blob/shared/shared-record.ts); decisions have some KiB.
 */
export const MAX_REPLY_BYTES = 4 * 1024 * 1024;
/** Commands that wait for an answer; far more than the deadline lets through. */
const MAX_WAITING = 10_000;

type Waiting = { readonly resolve: (reply: Reply) => void; readonly reject: (error: Error) => void };

/**
 * Commands and answers over a connection that is open. Answers come in the order of the commands. Libraries take as much of an answer as a
 * server announces; here one that is too long, or that nobody has asked for, ends the connection.
 */
export function createRedisClient(socket: Socket, onLost: (reason: Error) => void): RedisClient {
  const waiting: Waiting[] = [];
  let isOver = false;
  const reader = createReplyReader({
    maxBytes: MAX_REPLY_BYTES,
    onReply(reply) {
      const next = waiting.shift();
      if (next === undefined) throw new Error('Redis answers what nobody has asked');
      if (reply instanceof Error) next.reject(reply);
      else next.resolve(reply);
    },
  });

  function end(reason: Error): void {
    if (isOver) return;
    isOver = true;
    socket.destroy();
    for (const { reject } of waiting.splice(0)) reject(reason);
  }

  function lose(reason: Error): void {
    if (isOver) return;
    // First it is lost, so that nobody takes what ends with it for Redis's own word.
    onLost(reason);
    end(reason);
  }

  socket.on('data', (chunk: Buffer) => {
    if (isOver) return;
    try {
      reader.push(chunk);
    } catch (error) {
      lose(error instanceof Error ? error : new Error('unknown error'));
    }
  });
  socket.on('error', lose);
  socket.on('close', () => lose(new Error('the connection was closed')));

  return {
    send(args) {
      if (isOver) return Promise.reject(new Error('the connection was closed'));
      if (waiting.length >= MAX_WAITING) return Promise.reject(new Error('too many commands wait'));
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        socket.write(formatCommand(args));
      });
    },
    destroy: () => end(new Error('the connection was closed')),
  };
}

function formatCommand(args: readonly string[]): string {
  let text = `*${args.length}\r\n`;
  for (const arg of args) text += `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`;
  return text;
}
