import { isIP } from 'node:net';

import { errorCode } from '../../system/error-code.ts';
import { type Finding, fail, ok } from './finding.ts';
import type { HealthDeps } from './health-deps.ts';
import { within } from './within.ts';

/** Addresses tried per name: whoever writes the zone chooses how many there are. */
const MAX_ADDRESSES = 8;

/** The addresses of a host's name, and what there is to say about them. */
export async function findAddresses(
  name: string,
  deps: HealthDeps,
): Promise<{ readonly addresses: readonly string[]; readonly finding: Finding | undefined }> {
  const literal = name.replace(/^\[(.*)\]$/, '$1');
  if (isIP(literal) !== 0) return { addresses: [literal], finding: undefined };
  try {
    const addresses = [...new Set(await within(deps.resolve(name), deps.timeoutMs))].slice(0, MAX_ADDRESSES);
    if (addresses.length > 0) return { addresses, finding: ok('dns', name, addresses.join(', ')) };
    return { addresses, finding: missing(name) };
  } catch (error) {
    return { addresses: [], finding: unresolved(name, error) };
  }
}

function unresolved(name: string, error: unknown): Finding {
  const code = errorCode(error);
  if (code === 'ENOTFOUND' || code === 'ENODATA') return missing(name);
  const detail =
    code === undefined ? 'the DNS server did not answer in time' : `it can not be resolved (${code})`;
  return fail(
    'dns',
    name,
    detail,
    'check the DNS servers in /etc/resolv.conf, and that the firewall lets port 53 to them through',
  );
}

function missing(name: string): Finding {
  return fail(
    'dns',
    name,
    'no such name',
    'add an A (and AAAA) record for it, or correct the DNS servers that this machine asks',
  );
}
