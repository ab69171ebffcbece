import type { FillPort } from '../blob/fill/fill-port.ts';
import type { RawPort } from './raw-port.ts';

/** The other process is gone, or could not do what it was asked for; nothing of what it has said is secret. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
}

/** Questions by name: what is asked with, and what is answered. */
export type Calls = Readonly<Record<string, { readonly ask: unknown; readonly answer: unknown }>>;
/** Notices by name: what is said. Nobody answers. */
export type Notes = Readonly<Record<string, unknown>>;

export type CallHandlers<C extends Calls> = {
  readonly [K in keyof C]: (ask: C[K]['ask']) => Promise<C[K]['answer']>;
};
export type NoteHandlers<N extends Notes> = { readonly [K in keyof N]: (said: N[K]) => void };

/** What two processes say to each other over one pipe: questions, notices, and conversations (ports). */
export type Link<C extends Calls, N extends Notes> = {
  /** @throws LinkError where the other process is gone or could not answer */
  call<K extends keyof C & string>(name: K, ask: C[K]['ask']): Promise<C[K]['answer']>;
  note<K extends keyof N & string>(name: K, said: N[K]): void;
  /** This end of a conversation; both ends choose the same number, which is used once. */
  port<Sent, Received>(id: number): FillPort<Sent, Received>;
  /** Resolves once the other process is gone. */
  readonly closed: Promise<void>;
};

type Envelope =
  | readonly ['call', number, string, unknown]
  | readonly ['answer', number, unknown]
  | readonly ['failed', number, string]
  | readonly ['note', string, unknown]
  | readonly ['port', number, unknown];

type Waiting = { resolve(answer: unknown): void; reject(error: Error): void };
type Conversation = { handler: ((message: unknown) => void) | undefined; queue: unknown[] };

/**
 * What is said in one turn of the event loop goes as one message: a write to the pipe costs more than what is in it.
 *
 * @param calls what the other end may ask this one
 * @param notes what the other end may tell this one
 */
export function createLink<
  OutCalls extends Calls,
  OutNotes extends Notes,
  InCalls extends Calls,
  InNotes extends Notes,
>(raw: RawPort, calls: CallHandlers<InCalls>, notes: NoteHandlers<InNotes>): Link<OutCalls, OutNotes> {
  const waiting = new Map<number, Waiting>();
  const conversations = new Map<number, Conversation>();
  let outbox: Envelope[] = [];
  let asked = 0;
  let isClosed = false;
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();

  function send(envelope: Envelope): void {
    if (isClosed) return;
    outbox.push(envelope);
    if (outbox.length === 1) queueMicrotask(flush);
  }

  function flush(): void {
    const envelopes = outbox;
    outbox = [];
    if (isClosed) return;
    raw.send(envelopes);
  }

  async function answer(id: number, name: string, ask: unknown): Promise<void> {
    try {
      if (!(name in calls)) throw new LinkError(`nobody answers ${name}`);
      send(['answer', id, await calls[name as keyof InCalls](ask)]);
    } catch (error) {
      send(['failed', id, error instanceof Error ? error.message : 'unknown error']);
    }
  }

  function receive(envelope: Envelope): void {
    switch (envelope[0]) {
      case 'call':
        void answer(envelope[1], envelope[2], envelope[3]);
        return;
      case 'answer':
        settle(envelope[1])?.resolve(envelope[2]);
        return;
      case 'failed':
        settle(envelope[1])?.reject(new LinkError(envelope[2]));
        return;
      case 'note':
        notes[envelope[1] as keyof InNotes]?.(envelope[2] as never);
        return;
      case 'port': {
        const conversation = conversations.get(envelope[1]);
        if (conversation?.handler === undefined) conversation?.queue.push(envelope[2]);
        else conversation.handler(envelope[2]);
      }
    }
  }

  function settle(id: number): Waiting | undefined {
    const found = waiting.get(id);
    waiting.delete(id);
    return found;
  }

  raw.onMessage((message) => {
    // Whoever has been told that the other end is gone has given back what it had.
    if (isClosed) return;
    // Both ends are this very program: the pipe has no other writer.
    for (const envelope of message as Envelope[]) receive(envelope);
  });
  raw.onClose(() => {
    if (isClosed) return;
    isClosed = true;
    for (const one of waiting.values()) one.reject(new LinkError('the other process has ended'));
    waiting.clear();
    conversations.clear();
    close();
  });

  return {
    closed,
    call(name, ask) {
      if (isClosed) return Promise.reject(new LinkError('the other process has ended'));
      return new Promise((resolve, reject) => {
        asked += 1;
        waiting.set(asked, { resolve, reject });
        send(['call', asked, name, ask]);
      });
    },
    note: (name, said) => send(['note', name, said]),
    port(id) {
      const conversation: Conversation = { handler: undefined, queue: [] };
      conversations.set(id, conversation);
      let isOpen = true;
      return {
        post(message) {
          if (isOpen) send(['port', id, message]);
        },
        listen(handler) {
          // The other end's words, whose type the number stands for.
          conversation.handler = handler as (message: unknown) => void;
          for (const message of conversation.queue.splice(0)) conversation.handler(message);
        },
        close() {
          isOpen = false;
          conversations.delete(id);
        },
      };
    },
  };
}
