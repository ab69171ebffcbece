import { isIPv4 } from 'node:net';

export type ProxyV2Options = { version?: number; command?: number; family?: number; tlv?: Buffer };

/** A PROXY protocol version 2 header with this source; the destination is all zeros. */
export function proxyV2(address: string, port: number, options: ProxyV2Options = {}): Buffer {
  const v4 = isIPv4(address);
  const { version = 2, command = 1, family = v4 ? 0x11 : 0x21, tlv = Buffer.alloc(0) } = options;
  const source = v4 ? Buffer.from(address.split('.').map(Number)) : ipv6Bytes(address);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(port, 0);
  const addresses = Buffer.concat([source, Buffer.alloc(source.length), ports, tlv]);
  const fixed = Buffer.from('0d0a0d0a000d0a515549540a00000000', 'hex');
  fixed.writeUInt8((version << 4) | command, 12);
  fixed.writeUInt8(family, 13);
  fixed.writeUInt16BE(addresses.length, 14);
  return Buffer.concat([fixed, addresses]);
}

function ipv6Bytes(address: string): Buffer {
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [left = '', right] = canonical.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const before = groups(left);
  const after = groups(right ?? '');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const bytes = Buffer.alloc(16);
  [...before, ...zeros, ...after].forEach((group, i) =>
    bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i),
  );
  return bytes;
}
