import { digestHex } from '../oci/digest.ts';
import { bindingBytes, checkBinding, createBinding } from './binding.ts';
import type { BlobSourceRef, Ticket } from './ticket.ts';

/**
 * The sealed part of a ticket, version 1: a fixed head (flags, binding, three times of 6 bytes), then texts
 * joined by line feeds. Binary and without the bound fields because the link must stay short; not compressed,
 * because the length of compressed text tells about its secrets (CRIME).
 */
export type TicketContent = Pick<
  Ticket,
  'loginServer' | 'region' | 'size' | 'source' | 'bearer' | 'expiresAt'
>;

/** What the content is bound to: known from the request, so it need not be in the content. */
export type TicketBinding = Pick<Ticket, 'dataEndpoint' | 'registry' | 'repository' | 'digest'>;

export type TicketMismatch =
  | 'wrong_host'
  | 'wrong_registry'
  | 'wrong_repository'
  | 'wrong_blob'
  | 'bad_signature';

const FLAG_REGISTRY_SOURCE = 1;
const FLAG_DIGEST_IN_URL = 2;
const KNOWN_FLAGS = FLAG_REGISTRY_SOURCE | FLAG_DIGEST_IN_URL;

const BINDING_BYTES = bindingBytes(4);
const BINDING_START = 1;
const TIMES_START = BINDING_START + BINDING_BYTES;
const NUMBER_BYTES = 6;
const TEXTS_START = TIMES_START + 3 * NUMBER_BYTES;

/** The largest number of 6 bytes stands for "not known". */
const UNKNOWN = 2 ** 48 - 1;

/** Stands for the digest's hexadecimal digits, which storage URLs repeat: 64 or 128 characters saved. */
const DIGEST_MARK = '\0';

/**
 * @throws {RangeError} where a text holds a control character or a number is no count below 2^48 - 1: the caller
 * has let through what its parsers must refuse. The message names the field, not the value.
 */
export function formatTicketContent(ticket: Ticket): Buffer {
  const { source } = ticket;
  const hex = digestHex(ticket.digest);
  const url = source.url.replaceAll(hex, DIGEST_MARK);
  const texts = {
    loginServer: ticket.loginServer,
    region: ticket.region,
    url: source.url,
    bearer: ticket.bearer ?? '',
  };
  for (const [field, text] of Object.entries(texts)) {
    // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
    if (/[\0-\x1f\x7f]/.test(text)) throw new RangeError(`the ticket's ${field} holds a control character`);
  }
  const head = Buffer.alloc(TEXTS_START);
  head[0] =
    (source.kind === 'registry' ? FLAG_REGISTRY_SOURCE : 0) | (url === source.url ? 0 : FLAG_DIGEST_IN_URL);
  createBinding(boundFields(ticket)).copy(head, BINDING_START);
  const numbers = {
    expiresAt: ticket.expiresAt,
    size: ticket.size ?? UNKNOWN,
    'source.expiresAt': source.kind === 'storage' ? (source.expiresAt ?? UNKNOWN) : UNKNOWN,
  };
  for (const [index, [field, number]] of Object.entries(numbers).entries()) {
    if (!Number.isInteger(number) || number < 0 || number > UNKNOWN) {
      throw new RangeError(`the ticket's ${field} is not a whole number from 0 to 2^48 - 2`);
    }
    head.writeUIntBE(number, TIMES_START + index * NUMBER_BYTES, NUMBER_BYTES);
  }
  return Buffer.concat([head, Buffer.from([texts.loginServer, texts.region, url, texts.bearer].join('\n'))]);
}

/** Undefined: not of this form, which an authenticated content only is when another version sealed it. */
export function parseTicketContent(content: Buffer, digest: Ticket['digest']): TicketContent | undefined {
  if (content.length < TEXTS_START) return undefined;
  const flags = content[0] ?? 0;
  const [loginServer, region, shortUrl, bearer, ...rest] = content.toString('utf8', TEXTS_START).split('\n');
  if ((flags & ~KNOWN_FLAGS) !== 0 || rest.length > 0) return undefined;
  if (loginServer === undefined || region === undefined || shortUrl === undefined || bearer === undefined) {
    return undefined;
  }
  const [expiresAt, size, sourceExpiresAt] = [0, 1, 2].map((index) => {
    const number = content.readUIntBE(TIMES_START + index * NUMBER_BYTES, NUMBER_BYTES);
    return number === UNKNOWN ? undefined : number;
  });
  if (expiresAt === undefined) return undefined;
  const url =
    (flags & FLAG_DIGEST_IN_URL) === 0 ? shortUrl : shortUrl.replaceAll(DIGEST_MARK, digestHex(digest));
  const source: BlobSourceRef =
    (flags & FLAG_REGISTRY_SOURCE) === 0
      ? { kind: 'storage', url, expiresAt: sourceExpiresAt }
      : { kind: 'registry', url };
  return { loginServer, region, size, source, bearer: bearer === '' ? undefined : bearer, expiresAt };
}

/** Whether a content was sealed for just this host, registry, repository and blob; else what differs. */
export function checkTicketBinding(content: Buffer, binding: TicketBinding): 'ok' | TicketMismatch {
  const result = checkBinding(content.subarray(BINDING_START, TIMES_START), boundFields(binding));
  if (result === 'ok') return 'ok';
  return result === 'unknown' ? 'bad_signature' : `wrong_${result}`;
}

function boundFields(binding: TicketBinding) {
  return [
    ['host', binding.dataEndpoint],
    ['registry', binding.registry],
    ['repository', binding.repository],
    ['blob', binding.digest],
  ] as const;
}
