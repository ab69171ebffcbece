import { readFile } from 'node:fs/promises';
import type { TestImage } from '../../support/image.ts';
import { waitUntil } from '../process.ts';
import type { World } from '../world.ts';

/** What storage has sent of an image's blobs. */
export type StorageReads = {
  readonly requests: number;
  /** Sum of the Content-Length fields: an answer that was hung up early counts whole. */
  readonly bytes: number;
  /** Size of the blobs, each once. */
  readonly imageBytes: number;
};

export type StorageLog = {
  /** What came since the log was opened; waits until the log holds everything up to now. */
  readsOf(image: TestImage): Promise<StorageReads>;
};

const WAIT_MS = 10_000;
/** A line of Azurite's access log (common log format): method, target, status, bytes. */
const LINE = /"(\w+) (\S+) HTTP\/[\d.]+" (\d+) (\d+|-)/;

let marks = 0;

/** Begins to read the account's own access log: what Berth says of itself is no witness. */
export async function openStorageLog(world: World): Promise<StorageLog> {
  const { host, container, daemon } = world.storage;
  const start = (await readFile(daemon.logFile)).length;
  const read = async () => (await readFile(daemon.logFile)).subarray(start).toString('utf8');
  return {
    async readsOf(image) {
      marks += 1;
      const mark = `end-of-case-${process.pid}-${marks}`;
      await world.http.send('GET', `https://${host}/${container}/${mark}`);
      await waitUntil(`a log line with ${mark}`, async () => (await read()).includes(mark), {
        timeoutMs: WAIT_MS,
      });
      const files = image.blobs.map(({ digest }) => `/${digest.replace('sha256:', '')}/data`);
      let [requests, bytes] = [0, 0];
      for (const line of (await read()).split('\n')) {
        const [, method, target = '', status, length] = LINE.exec(line) ?? [];
        if (method !== 'GET' || !files.some((file) => target.includes(file))) continue;
        if (status !== '200' && status !== '206') continue;
        requests += 1;
        bytes += Number(length);
      }
      const imageBytes = image.blobs.reduce((sum, blob) => sum + blob.bytes.length, 0);
      return { requests, bytes, imageBytes };
    },
  };
}
