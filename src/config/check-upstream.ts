import { isIP } from 'node:net';

import { parseHost } from '../http/host.ts';
import { createAddressSet, parseCidr } from '../policy/address-set.ts';
import { checkCidrs } from './check-cidrs.ts';
import type { FileAuth, FileList, FileUpstream } from './file-config.ts';
import type { ConfigPath, Finding } from './problem.ts';
import { showValue } from './show-value.ts';

/** URLs, token hosts, credentials and private networks of one upstream. */
export function checkUpstream(upstream: FileUpstream, path: ConfigPath): readonly Finding[] {
  return [
    ...(upstream.url === undefined ? [] : checkOrigin(upstream.url, [...path, 'url'])),
    ...(upstream.proxy === null ? [] : checkProxy(upstream.proxy, [...path, 'proxy'])),
    ...checkHostList(upstream.tokenHosts, [...path, 'tokenHosts']),
    ...(upstream.auth === null ? [] : checkAuth(upstream.auth, [...path, 'auth'])),
    ...checkCidrs(upstream.allowedPrivateAddresses, [...path, 'allowedPrivateAddresses']),
    ...checkReachable(upstream, [...path, 'url']),
  ];
}

/** Where a name leads is seen when connecting; what a literal address is, is known now. */
export function checkReachable(
  upstream: Pick<FileUpstream, 'url' | 'allowedPrivateAddresses'>,
  path: ConfigPath,
): readonly Finding[] {
  const hostname = URL.parse(upstream.url ?? '')?.hostname.replace(/^\[|\]$/g, '') ?? '';
  const address = hostname === 'localhost' ? '127.0.0.1' : hostname;
  if (isIP(address) === 0 || !createAddressSet(PRIVATE_NETWORKS).has(address)) return [];
  const allowed = upstream.allowedPrivateAddresses.filter(
    (cidr) => cidr !== undefined && parseCidr(cidr) !== undefined,
  );
  if (createAddressSet(allowed.filter((cidr) => cidr !== undefined)).has(address)) return [];
  return [
    {
      path,
      message: `${hostname} is a private address that allowedPrivateAddresses does not cover`,
      hint: `add "${address}/${isIP(address) === 6 ? 128 : 32}", or its network, to allowedPrivateAddresses`,
    },
  ];
}

/** Loopback and what people write by hand (RFC 1918, RFC 4193); `upstream/address-check.ts` has the whole list. */
const PRIVATE_NETWORKS = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::1/128',
  'fc00::/7',
];

/** Every entry must be `host[:port]`, without a pattern. */
export function checkHostList(hosts: FileList<string>, path: ConfigPath): readonly Finding[] {
  return hosts.flatMap((host, index) =>
    host === undefined || (parseHost(host, 'https') !== undefined && !host.includes('*'))
      ? []
      : [
          {
            path: [...path, index],
            message: `${showValue(host)} is not a host`,
            hint: 'write host or host:port, without scheme, path or wildcard',
          },
        ],
  );
}

export function checkOrigin(text: string, path: ConfigPath): readonly Finding[] {
  const findings = [...checkUrl(text, path, 'https://contoso.azurecr.io')];
  const url = URL.parse(text);
  if (findings.length > 0 || url === null) return findings;
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    findings.push({
      path,
      message: 'has more than a scheme and a host',
      hint: `write ${url.origin}: a registry's API stands at /v2/ of its host, and the repository's path comes from the client`,
    });
  }
  return findings;
}

function checkProxy(text: string, path: ConfigPath): readonly Finding[] {
  return checkUrl(text, path, 'http://proxy.example:3128');
}

/** The text itself is never shown: it may hold a password. */
function checkUrl(text: string, path: ConfigPath, example: string): readonly Finding[] {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.host === '') {
    return [{ path, message: 'is not an http or https URL', hint: `write it like ${example}` }];
  }
  if (url.username !== '' || url.password !== '') {
    const hint =
      'take the part before @ away; credentials for the registry go into upstream.auth, those for a proxy are not supported';
    return [{ path, message: 'contains a user name or password', hint }];
  }
  return [];
}

const WAYS = 'file, exec, azureWorkloadIdentity, azureManagedIdentity and awsEcr';

export function checkAuth(auth: FileAuth, path: ConfigPath): readonly Finding[] {
  const ways = Object.keys(auth);
  if (ways.length !== 1) {
    const message = ways.length === 0 ? 'names no credentials' : `names ${ways.join(' and ')}`;
    return [{ path, message, hint: `keep exactly one of ${WAYS}, or write auth: null` }];
  }
  const authority = auth.azureWorkloadIdentity?.authority ?? null;
  if (authority === null) return [];
  const at = [...path, 'azureWorkloadIdentity', 'authority'];
  const url = URL.parse(authority);
  const isOrigin = url?.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  if (isOrigin && url.protocol === 'https:') return [];
  // The federated token is sent to it.
  const hint = 'write it like https://login.microsoftonline.com; the tenant goes into tenantId';
  return [{ path: at, message: 'is not the origin of an https URL', hint }];
}
