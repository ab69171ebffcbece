// Child of the benchmark: `node bench/sha256.ts FILE TIMES` hashes the file's bytes from memory, TIMES over, and prints
// the CPU seconds of the hashing alone: the floor below which nothing that verifies a blob on this machine can go.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const MICROSECONDS_PER_SECOND = 1_000_000;
/** As large as the pieces that a proxy would hand over; larger ones change nothing. */
const PIECE_BYTES = 256 * 1024;

const [, , file = '', times = '1'] = process.argv;
const content = readFileSync(file);
const digests = new Set<string>();
const before = process.cpuUsage();
for (let time = 0; time < Number(times); time += 1) {
  const hash = createHash('sha256');
  for (let position = 0; position < content.length; position += PIECE_BYTES) {
    hash.update(content.subarray(position, position + PIECE_BYTES));
  }
  digests.add(hash.digest('hex'));
}
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ cpuSeconds: (user + system) / MICROSECONDS_PER_SECOND, digests: [...digests] }));
