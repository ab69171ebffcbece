import { Readable } from 'node:stream';
import { type ObjectStore, partsOf, readPart } from './object-store.ts';

/** Objects of this process alone, for as long as it runs. */
export function createMemoryStore(): ObjectStore {
  const objects = new Map<string, Buffer>();
  return {
    origin: 'memory:',
    get(name, { firstPos, lastPos }, signal) {
      signal.throwIfAborted();
      const object = objects.get(name);
      if (object === undefined || firstPos >= object.length) return Promise.resolve(undefined);
      const body = Readable.from([object.subarray(firstPos, lastPos + 1)]);
      return Promise.resolve({ completeLength: object.length, body });
    },
    async put(name, content, signal) {
      const parts: Buffer[] = [];
      for (const part of partsOf(content.length)) parts.push(await readPart(content, part));
      signal.throwIfAborted();
      if (objects.has(name)) return 'exists';
      objects.set(name, Buffer.concat(parts));
      return 'stored';
    },
    length: (name) => Promise.resolve(objects.get(name)?.length),
    remove(name) {
      objects.delete(name);
      return Promise.resolve();
    },
    close: () => objects.clear(),
  };
}
