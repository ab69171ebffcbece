import { UpstreamFailure } from '../upstream/failure.ts';

/** What has been delivered may be wrong: the blob that it is a part of turned out to have another digest. */
export class WrongContent extends Error {
  override readonly name = 'WrongContent';
  readonly kind = 'digest_mismatch';
}

/** Nothing of the blob can be had now, since what its source has sent of it is wrong. */
export class WrongBlob extends UpstreamFailure {}
