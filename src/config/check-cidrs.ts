import { parseCidr } from '../policy/address-set.ts';
import type { FileList } from './file-config.ts';
import type { ConfigPath, Finding } from './problem.ts';

/** Every entry must be an address or an address with a prefix length; host bits may be set. */
export function checkCidrs(cidrs: FileList<string>, path: ConfigPath): readonly Finding[] {
  return cidrs.flatMap((cidr, index) =>
    cidr === undefined || parseCidr(cidr) !== undefined
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
