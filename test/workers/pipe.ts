import type { RawPort } from '../../src/workers/raw-port.ts';

/** Two ends of a pipe in one process, which copies what is sent as the real one does. */
export function createPipe(): { readonly ends: readonly [RawPort, RawPort]; readonly cut: () => void } {
  const messages: ((message: unknown) => void)[][] = [[], []];
  const closing: (() => void)[] = [];
  let isCut = false;
  const end = (own: 0 | 1, other: 0 | 1): RawPort => ({
    send(message) {
      const copy = structuredClone(message);
      setImmediate(() => {
        if (!isCut) for (const handler of messages[other] ?? []) handler(copy);
      });
    },
    onMessage: (handler) => void messages[own]?.push(handler),
    onClose: (handler) => void closing.push(handler),
  });
  return {
    ends: [end(0, 1), end(1, 0)],
    cut() {
      isCut = true;
      for (const handler of closing) handler();
    },
  };
}
