import { MAX_UPLOAD_LOCATION_LENGTH } from '../oci/route.ts';
import { bindingBytes, checkBinding, createBinding } from './binding.ts';
import { type BoxRefusal, openBox, sealBox } from './sealed-box.ts';
import type { TicketKeys } from './ticket-keys.ts';

export type UploadRefusal = BoxRefusal | 'wrong_registry' | 'wrong_repository';

export type UploadBinding = {
  /** The registry's name in the configuration. */
  readonly registry: string;
  readonly repository: string;
};

const BINDING_BYTES = bindingBytes(2);

/** The upstream's upload URL is too long to be handed to the client. */
export class UploadSealError extends Error {
  override readonly name = 'UploadSealError';
  readonly code = 'upload_url_too_long';
}

/**
 * Seals the upstream's upload URL (the `Location` of end-4a, end-5) into one path segment of `A-Za-z0-9_-`: its
 * query often holds a signature, and its path need not lie below `/v2/`. It does not expire here: the session's
 * life is the upstream's business, and each request still needs the caller's own credentials.
 *
 * @throws {UploadSealError} over `MAX_UPLOAD_LOCATION_LENGTH`.
 */
export function sealUpload(keys: TicketKeys, upload: UploadBinding & { readonly url: string }): string {
  const text = sealBox(
    keys,
    'upload/1',
    Buffer.concat([createBinding(boundFields(upload)), Buffer.from(upload.url)]),
  );
  if (text.length > MAX_UPLOAD_LOCATION_LENGTH) {
    throw new UploadSealError(
      `the upstream's upload location is too long: ${text.length} characters sealed, over the limit of ${MAX_UPLOAD_LOCATION_LENGTH}`,
    );
  }
  return text;
}

/** Opens what `sealUpload` sealed for this registry and repository. Never throws. */
export function openUpload(
  keys: TicketKeys,
  where: UploadBinding,
  text: string,
):
  | { readonly kind: 'ok'; readonly url: string }
  | { readonly kind: 'refused'; readonly reason: UploadRefusal } {
  if (text.length > MAX_UPLOAD_LOCATION_LENGTH) return { kind: 'refused', reason: 'malformed' };
  const opened = openBox(keys, 'upload/1', text);
  if (opened.kind === 'refused') return opened;
  const bound = checkBinding(opened.content.subarray(0, BINDING_BYTES), boundFields(where));
  if (bound === 'ok') return { kind: 'ok', url: opened.content.toString('utf8', BINDING_BYTES) };
  return { kind: 'refused', reason: bound === 'unknown' ? 'bad_signature' : `wrong_${bound}` };
}

function boundFields({ registry, repository }: UploadBinding) {
  return [
    ['registry', registry],
    ['repository', repository],
  ] as const;
}
