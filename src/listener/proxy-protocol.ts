import { isIPv4, isIPv6 } from 'node:net';
import { formatIpv6 } from '../http/ipv6.ts';

/** Who connected to the proxy in front, by its own word. */
export type ProxySource = { readonly address: string; readonly port: number };

export type ProxyHeader =
  /** More bytes are needed. */
  | { readonly kind: 'incomplete' }
  /** Not a PROXY header; the connection must be closed (section 2: "MUST NOT try to guess"). */
  | { readonly kind: 'invalid' }
  /** `source` is undefined for LOCAL, UNKNOWN, UNSPEC and UNIX: the socket's own address counts then. */
  | { readonly kind: 'header'; readonly length: number; readonly source: ProxySource | undefined };

const INCOMPLETE: ProxyHeader = { kind: 'incomplete' };
const INVALID: ProxyHeader = { kind: 'invalid' };

/** Longest version 1 line, CR LF included (section 2.1). */
const V1_MAX_BYTES = 107;
const V1_START = Buffer.from('PROXY ', 'latin1');
const V2_SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const V2_FIXED_BYTES = 16;
/**
 * Longest version 2 header taken. The addresses need 52 bytes; TLVs that name the client's certificate or a cloud's
 * private link need some hundred more. The format would allow 64 KiB, which no proxy sends and a flood would.
 */
export const PROXY_HEADER_MAX_BYTES = 4096;

/**
 * Reads a PROXY protocol header, version 1 or 2, from the start of `bytes`; pure, to be asked again with more bytes
 * while `incomplete`. Never asks for more than 4096 bytes.
 *
 * Source: "The PROXY protocol, versions 1 & 2", haproxy.org, sections 2.1 and 2.2.
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (bytes.length === 0) return INCOMPLETE;
  if (startsLike(bytes, V1_START)) return bytes.length < V1_START.length ? INCOMPLETE : parseVersion1(bytes);
  if (startsLike(bytes, V2_SIGNATURE)) {
    return bytes.length < V2_FIXED_BYTES ? INCOMPLETE : parseVersion2(bytes);
  }
  return INVALID;
}

function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

function parseVersion1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_MAX_BYTES).indexOf('\r\n', 0, 'latin1');
  if (end === -1) return bytes.length >= V1_MAX_BYTES ? INVALID : INCOMPLETE;
  const length = end + 2;
  const [, protocol, source, destination, sourcePort, destinationPort, ...more] = bytes
    .toString('latin1', 0, end)
    .split(' ');
  // "the receiver must ignore anything presented before the CRLF" after UNKNOWN.
  if (protocol === 'UNKNOWN') return { kind: 'header', length, source: undefined };
  if (protocol !== 'TCP4' && protocol !== 'TCP6') return INVALID;
  const isAddress = protocol === 'TCP4' ? isIPv4 : isIPv6;
  const port = parsePort(sourcePort);
  if (source === undefined || !isAddress(source)) return INVALID;
  if (destination === undefined || !isAddress(destination)) return INVALID;
  if (port === undefined || parsePort(destinationPort) === undefined || more.length > 0) return INVALID;
  return { kind: 'header', length, source: { address: source, port } };
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined || !/^(?:0|[1-9]\d{0,4})$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

function parseVersion2(bytes: Buffer): ProxyHeader {
  const versionAndCommand = bytes.readUInt8(12);
  const familyAndTransport = bytes.readUInt8(13);
  const addressBytes = bytes.readUInt16BE(14);
  const length = V2_FIXED_BYTES + addressBytes;
  const command = versionAndCommand & 0x0f;
  if (versionAndCommand >> 4 !== 2 || command > 1 || length > PROXY_HEADER_MAX_BYTES) return INVALID;
  const needed = neededAddressBytes(familyAndTransport);
  // LOCAL: the family must be ignored (health checks of the proxy itself).
  if (command === 1 && (needed === undefined || addressBytes < needed)) return INVALID;
  if (bytes.length < length) return INCOMPLETE;
  // What follows the addresses are TLVs: skipped.
  return {
    kind: 'header',
    length,
    source: command === 1 ? readSource(bytes, familyAndTransport) : undefined,
  };
}

/** Undefined: a family or transport that no TCP connection has. */
function neededAddressBytes(familyAndTransport: number): number | undefined {
  switch (familyAndTransport) {
    case 0x00: // UNSPEC
      return 0;
    case 0x11: // TCP over IPv4
      return 12;
    case 0x21: // TCP over IPv6
      return 36;
    case 0x31: // UNIX stream
      return 216;
    default:
      return undefined;
  }
}

function readSource(bytes: Buffer, familyAndTransport: number): ProxySource | undefined {
  if (familyAndTransport === 0x11) {
    return { address: bytes.subarray(16, 20).join('.'), port: bytes.readUInt16BE(24) };
  }
  if (familyAndTransport === 0x21) {
    const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(16 + 2 * i));
    return { address: formatIpv6(groups), port: bytes.readUInt16BE(48) };
  }
  return undefined;
}
