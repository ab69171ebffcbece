import { createHash, type Hash } from 'node:crypto';
import { parseContentRange } from '../../http/range.ts';
import { digestAlgorithm, digestHex } from '../../oci/digest.ts';
import { CliError } from '../cli-error.ts';
import type { ProgressBar } from '../progress.ts';
import type { Descriptor } from './manifest.ts';
import type { RegistryClient } from './registry-client.ts';

/** Answers in a row that end early without a byte more than before. */
const MAX_FRUITLESS = 3;

/**
 * Reads a blob to its end and verifies it; nothing of it is kept. One that breaks off goes on where it stopped.
 * @throws CliError
 */
export async function readBlob(
  client: RegistryClient,
  repository: string,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  bar: Pick<ProgressBar, 'advance'>,
): Promise<void> {
  let hash: Hash = createHash(digestAlgorithm(digest));
  let received = 0;
  let fruitless = 0;
  do {
    const before = received;
    const range: Record<string, string> = received === 0 ? {} : { range: `bytes=${received}-` };
    const response = await client.get(`/v2/${repository}/blobs/${digest}`, repository, range);
    if (response.statusCode === 206) {
      const given = parseContentRange(response.headers['content-range'] ?? '');
      if (given?.kind !== 'range' || given.firstPos !== received) {
        response.destroy();
        throw new CliError(`${digest}: another range came than the one that begins at ${received}`);
      }
    } else if (received > 0) {
      bar.advance(-received);
      received = 0;
      hash = createHash(digestAlgorithm(digest));
    }
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        received += chunk.length;
        if (received > size) throw new CliError(`${digest} has more than the ${size} bytes of its manifest`);
        hash.update(chunk);
        bar.advance(chunk.length);
      }
    } catch (error) {
      if (error instanceof CliError) throw error;
    }
    fruitless = received > before ? 0 : fruitless + 1;
    if (received < size && fruitless === MAX_FRUITLESS) {
      throw new CliError(
        `${digest} broke off after ${received} of ${size} bytes, each time it was asked for`,
      );
    }
  } while (received < size);
  if (hash.digest('hex') !== digestHex(digest)) {
    throw new CliError(`${digest}: what came has another digest`);
  }
}
