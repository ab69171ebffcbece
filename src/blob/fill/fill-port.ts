/**
 * One end of a channel between a reader and the owner of a fill. What is posted must be plain data (`structuredClone` takes it),
 * arrives later, in order, and not at all once either end is closed: as with a `MessagePort`, which can take its place
 * where the two live in different threads.
 */
export type FillPort<Sent, Received> = {
  readonly post: (message: Sent) => void;
  /** Set once, before the other end can have posted anything that matters. */
  readonly listen: (handler: (message: Received) => void) => void;
  readonly close: () => void;
};

/** Two ends in one thread. */
export function createPortPair<A, B>(): readonly [FillPort<A, B>, FillPort<B, A>] {
  const channel = { isOpen: true };
  const toB = createQueue<A>(channel);
  const toA = createQueue<B>(channel);
  const close = (): void => {
    channel.isOpen = false;
  };
  return [
    { post: toB.post, listen: toA.listen, close },
    { post: toA.post, listen: toB.listen, close },
  ];
}

function createQueue<Message>(channel: {
  readonly isOpen: boolean;
}): Pick<FillPort<Message, Message>, 'post' | 'listen'> {
  let handler: ((message: Message) => void) | undefined;
  let queue: Message[] = [];
  let isScheduled = false;

  function deliver(): void {
    isScheduled = false;
    const messages = queue;
    queue = [];
    for (const message of messages) if (channel.isOpen) handler?.(message);
  }

  function schedule(): void {
    if (isScheduled || handler === undefined) return;
    isScheduled = true;
    queueMicrotask(deliver);
  }

  return {
    post(message: Message): void {
      if (!channel.isOpen) return;
      queue.push(message);
      schedule();
    },
    listen(listener: (message: Message) => void): void {
      handler = listener;
      if (queue.length > 0) schedule();
    },
  };
}
