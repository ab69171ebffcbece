import { hash, hkdfSync } from 'node:crypto';
import type { ListenerConfig } from '../config/config.ts';
import type { ClientAuthorities } from './client-authorities.ts';

/** What Node's `setTicketKeys` takes: a name, a key of HMAC and one of AES, of 16 bytes each. */
const TICKET_KEY_BYTES = 48;

/**
 * The keys that TLS sessions of one listener are resumed with. A resumed session keeps what the handshake found out about the
 * client's certificate and is not asked for it again: it may count neither at a listener that has other authorities, nor once
 * these have been replaced. So each listener and each set of authorities has keys of its own, the same in every process.
 */
export function sessionKeys(
  secret: Uint8Array,
  { address, port }: Pick<ListenerConfig, 'address' | 'port'>,
  authorities: ClientAuthorities | undefined,
): Buffer {
  // A digest: Node takes 1,024 bytes at most for what a key is for, and one certificate of RSA has more.
  const whose = hash('sha256', JSON.stringify([address, port, authorities?.pem ?? null]), 'buffer');
  return Buffer.from(hkdfSync('sha256', secret, '', whose, TICKET_KEY_BYTES));
}
