import { isIP } from 'node:net';

import type { FileList } from './file-config.ts';
import type { ConfigPath, Finding } from './problem.ts';

/** Every entry must be an address or an address with a prefix length; host bits may be set. */
export function checkCidrs(cidrs: FileList<string>, path: ConfigPath): readonly Finding[] {
  return cidrs.flatMap((cidr, index) =>
    cidr === undefined || isCidr(cidr)
      ? []
      : [
          {
            path: [...path, index],
            message: `"${cidr}" is not a CIDR`,
            hint: 'write an address with a prefix length of at most 32 (IPv4) or 128 (IPv6), such as 10.0.0.0/8 or fd00::/8',
          },
        ],
  );
}

function isCidr(text: string): boolean {
  const slash = text.indexOf('/');
  const address = slash === -1 ? text : text.slice(0, slash);
  const family = address.includes('%') ? 0 : isIP(address);
  if (family === 0) return false;
  if (slash === -1) return true;
  const prefix = text.slice(slash + 1);
  return /^(0|[1-9][0-9]{0,2})$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}
