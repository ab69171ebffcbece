import { parseAddress } from './address.ts';
import type { AddressSet } from './address-set.ts';
import { parseForwardedFor } from './forwarded-for.ts';

/** Where the listener takes the client's address from (`listeners[].clientAddress`): told, never guessed. */
export type ClientAddressMode = 'socket' | 'xForwardedFor' | 'forwarded' | 'proxyProtocol';

export type AddressEvidence = {
  /** The TCP peer. */
  readonly socketAddress: string;
  /** The source address of the PROXY header; undefined where there was none or it was LOCAL or UNSPEC. */
  readonly proxyProtocolAddress?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
};

/**
 * Hops looked at, from the right. Each must be a trusted proxy for the next to count, so a chain this long is a
 * loop or a forgery.
 */
const MAX_HOPS = 32;

/**
 * The client's address: the nearest one that is not a trusted proxy. A peer that is not trusted is the client
 * itself, whatever it says. Where a trusted proxy names no readable address (`unknown`, a missing field), the answer
 * is that proxy's own address: networks that are let in must not hold the proxies'.
 *
 * @returns an address as `parseAddress` gives it; `socketAddress` as it is where that is no IP address.
 */
export function clientAddress(
  mode: ClientAddressMode,
  trustedProxies: AddressSet,
  evidence: AddressEvidence,
): string {
  const peer = parseAddress(evidence.socketAddress) ?? evidence.socketAddress;
  if (mode === 'socket' || !trustedProxies.has(peer)) return peer;
  let client = peer;
  for (const hop of hopsFromNearest(mode, evidence)) {
    const address = hop === undefined ? undefined : parseAddress(hop);
    if (address === undefined) return client;
    client = address;
    if (!trustedProxies.has(client)) return client;
  }
  return client;
}

function hopsFromNearest(
  mode: Exclude<ClientAddressMode, 'socket'>,
  { proxyProtocolAddress, headers }: AddressEvidence,
): (string | undefined)[] {
  if (mode === 'proxyProtocol') return [proxyProtocolAddress];
  const nodes =
    mode === 'xForwardedFor'
      ? fieldValue(headers['x-forwarded-for']).split(',').slice(-MAX_HOPS).toReversed()
      : parseForwardedFor(fieldValue(headers.forwarded), MAX_HOPS);
  return nodes.map((node) => (node === undefined ? undefined : withoutPort(node.trim())));
}

/** Several field lines mean the same as one with commas (RFC 9110 §5.3). */
function fieldValue(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(',') : (value ?? '');
}

/** `192.0.2.1:4711` and `[2001:db8::1]:4711` (Azure's gateways write them) to the address alone. */
function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text);
  if (bracketed !== null) return bracketed[1] ?? '';
  return /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text;
}
