/** Bytes of the blob that have just come into the file and are still in memory. */
export type LandedChunk = { readonly position: number; readonly bytes: Buffer };

/**
 * One end of a channel between a reader and the owner of a fill. What is posted must be plain data (`structuredClone` takes it),
 * arrives later, in order, and not at all once either end is closed: as with a `MessagePort`, which can take its place
 * where the two live in different threads.
 *
 * Where both ends are in one thread, a message may come with the bytes that it is about, which spares the other end to read them: they
 * are there until its handler returns. A channel that leaves them out changes nothing but that.
 */
export type FillPort<Sent, Received> = {
  readonly post: (message: Sent, chunk?: LandedChunk) => void;
  /** Set once, before the other end can have posted anything that matters. */
  readonly listen: (handler: (message: Received, chunk?: LandedChunk) => void) => void;
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
  let handler: ((message: Message, chunk?: LandedChunk) => void) | undefined;
  let queue: { readonly message: Message; readonly chunk: LandedChunk | undefined }[] = [];
  let isScheduled = false;

  function deliver(): void {
    isScheduled = false;
    const posted = queue;
    queue = [];
    for (const { message, chunk } of posted) if (channel.isOpen) handler?.(message, chunk);
  }

  function schedule(): void {
    if (isScheduled || handler === undefined) return;
    isScheduled = true;
    queueMicrotask(deliver);
  }

  return {
    post(message: Message, chunk?: LandedChunk): void {
      if (!channel.isOpen) return;
      queue.push({ message, chunk });
      schedule();
    },
    listen(listener: (message: Message, chunk?: LandedChunk) => void): void {
      handler = listener;
      if (queue.length > 0) schedule();
    },
  };
}
