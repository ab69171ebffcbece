import type { Socket } from 'node:net';

export type StageLimits = {
  /** Milliseconds that a client may go on sending. */
  readonly totalMs: number;
  /** Milliseconds in which nothing comes. */
  readonly silentMs: number;
};

/** As nginx's `lingering_time` and `lingering_timeout`: a client that has not heard the answer by then does not listen. */
export const STAGE_LIMITS: StageLimits = { totalMs: 30_000, silentMs: 5_000 };

/**
 * RFC 9112 §9.6: ends a connection whose client is still sending what nobody will read. Closed at once, it would be reset by the
 * next byte that comes, and the reset may take the answer with it: of clients written in Go, every second one saw a broken pipe
 * instead. So only our side is ended, and what comes is dropped until the client ends its own.
 */
export function endInStages(socket: Socket, limits: StageLimits = STAGE_LIMITS): void {
  // No parser, and nobody who waits for this content, sees any more of it.
  for (const event of ['data', 'readable', 'end'] as const) socket.removeAllListeners(event);
  socket.on('data', () => undefined);
  // Where the parser held it up, a read is under way that nothing would end: Node's server starts it again by itself no more.
  socket.push('');
  socket.once('end', () => socket.destroy());
  socket.resume();
  socket.end();
  socket.setTimeout(limits.silentMs, () => socket.destroy());
  const timer = setTimeout(() => socket.destroy(), limits.totalMs);
  socket.once('close', () => clearTimeout(timer));
}
