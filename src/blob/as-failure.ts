import { UpstreamFailure } from '../upstream/failure.ts';
import { LocalFailure } from './local-failure.ts';
import type { BlobFailure } from './open-blob.ts';
import { WrongBlob, WrongContent } from './wrong-content.ts';

/**
 * What went wrong with the next part of a body that is under way: the header section is out, and the client has to see an end.
 *
 * @param otherwise what is told of an error of no kind
 */
export function asFailure(error: unknown, otherwise: string): BlobFailure {
  // So is what has been delivered of it.
  if (error instanceof WrongBlob) return new WrongContent(error.message, { cause: error });
  if (error instanceof UpstreamFailure || error instanceof LocalFailure) return error;
  return new LocalFailure(otherwise, { cause: error });
}
