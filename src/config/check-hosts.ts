import { isIP } from 'node:net';

import { expandDataEndpoint } from '../endpoints/endpoints.ts';
import { hostname, isSameOrSubdomain, parseHost } from '../http/host.ts';
import { deliveryOf, type FileConfig, type FileRegistry } from './file-config.ts';
import type { ConfigPath, Finding } from './problem.ts';

/** A host that clients reach, and where the file says so. */
type ClientHost = {
  readonly host: string;
  readonly kind: 'login server' | 'alias' | 'data endpoint';
  readonly registry: string;
  readonly path: ConfigPath;
};

/**
 * The hosts of all registries together. They must be distinct, because the Host field chooses registry and door; and no
 * data endpoint may be at or below a login server, because Go clients forward `Authorization` to a redirect target that
 * is the same host (whatever the port) or a subdomain of it.
 */
export function checkHosts(config: FileConfig): readonly Finding[] {
  const findings: Finding[] = [];
  const hosts: ClientHost[] = [];
  const names = new Map<string, number>();
  for (const [index, registry] of (config.registries ?? []).entries()) {
    if (registry === undefined) continue;
    const path = ['registries', index];
    const { name } = registry;
    if (name !== undefined) {
      const other = names.get(name);
      if (other !== undefined) {
        const message = `"${name}" is also the name of registries[${other}]`;
        findings.push({ path: [...path, 'name'], message, hint: 'give each registry its own name' });
      } else names.set(name, index);
    }
    const collected = collectHosts(registry, path);
    findings.push(...collected.findings, ...checkScheme(registry, collected.hosts));
    hosts.push(...collected.hosts);
  }
  return [...findings, ...checkDistinct(hosts), ...checkNamingRule(hosts)];
}

function collectHosts(
  registry: FileRegistry,
  path: ConfigPath,
): { readonly hosts: readonly ClientHost[]; readonly findings: readonly Finding[] } {
  const hosts: ClientHost[] = [];
  const findings: Finding[] = [];
  const add = (text: string, kind: ClientHost['kind'], at: ConfigPath): void => {
    const host = text.includes('*') ? undefined : parseHost(text, registry.scheme);
    if (host !== undefined) hosts.push({ host, kind, registry: registry.name ?? '?', path: at });
    else {
      const hint = 'write host or host:port, without scheme, path or wildcard';
      findings.push({ path: at, message: `"${text}" is not a host`, hint });
    }
  };
  if (registry.loginServer !== undefined) add(registry.loginServer, 'login server', [...path, 'loginServer']);
  for (const [index, alias] of registry.aliases.entries()) {
    if (alias !== undefined) add(alias, 'alias', [...path, 'aliases', index]);
  }
  const pattern = registry.dataEndpoint;
  if (pattern === null || deliveryOf(registry) === 'inline') return { hosts, findings };
  const at = [...path, 'dataEndpoint'];
  const patternFindings = checkPattern(pattern, registry, at);
  findings.push(...patternFindings);
  if (patternFindings.length === 0) {
    for (const name of new Set(registry.regions.map((region) => region?.name))) {
      if (name !== undefined && registry.name !== undefined) {
        add(expandDataEndpoint(pattern, registry.name, name), 'data endpoint', at);
      }
    }
  }
  return { hosts, findings };
}

function checkPattern(pattern: string, registry: FileRegistry, path: ConfigPath): readonly Finding[] {
  const unknown = pattern.match(/\{[^}]*\}?/g)?.find((part) => part !== '{registry}' && part !== '{region}');
  if (unknown !== undefined) {
    const hint = 'only {registry} and {region} are filled in';
    return [{ path, message: `"${unknown}" is not a known placeholder`, hint }];
  }
  if (registry.regions.length > 1 && !pattern.includes('{region}')) {
    const message = `has no {region}, but there are ${registry.regions.length} regions`;
    return [{ path, message, hint: 'put {region} into the pattern, or keep one region' }];
  }
  return [];
}

function checkScheme(registry: FileRegistry, hosts: readonly ClientHost[]): readonly Finding[] {
  if (registry.scheme !== 'http') return [];
  return hosts
    .filter(({ host }) => !isLoopback(hostname(host)))
    .map(({ host, kind, path }) => ({
      path,
      message: `${kind} "${host}" is not a loopback name, and scheme: http would send tokens and tickets in the clear`,
      hint: 'write scheme: https (TLS may end in front of Berth), or use localhost, a name below it, or a loopback address',
    }));
}

/** Loopback addresses, `localhost` and below (RFC 6761 §6.3), and `.test`, which no DNS gives out (§6.2). */
function isLoopback(name: string): boolean {
  const bare = name.replace(/^\[|\]$/g, '');
  return (
    (isIP(bare) === 4 && bare.startsWith('127.')) || bare === '::1' || /(^|\.)(localhost|test)$/.test(bare)
  );
}

function checkDistinct(hosts: readonly ClientHost[]): readonly Finding[] {
  const seen = new Map<string, ClientHost>();
  const findings: Finding[] = [];
  for (const entry of hosts) {
    const other = seen.get(entry.host);
    if (other === undefined) seen.set(entry.host, entry);
    else {
      findings.push({
        path: entry.path,
        message: `${entry.kind} "${entry.host}" is also ${describe(other)}`,
        hint: 'the host chooses the registry: give each its own',
      });
    }
  }
  return findings;
}

function checkNamingRule(hosts: readonly ClientHost[]): readonly Finding[] {
  // By name, in the order of the file: with thousands of registries, each against each would take minutes.
  const logins = new Map<string, { host: ClientHost; order: number }[]>();
  for (const [order, host] of hosts.entries()) {
    if (host.kind === 'data endpoint') continue;
    const name = hostname(host.host);
    const others = logins.get(name);
    if (others === undefined) logins.set(name, [{ host, order }]);
    else others.push({ host, order });
  }
  return hosts
    .filter(({ kind }) => kind === 'data endpoint')
    .flatMap((endpoint) => {
      const login = nameAndParents(hostname(endpoint.host))
        .flatMap((name) => logins.get(name) ?? [])
        // The same host and port is already an overlap.
        .filter(({ host: { host } }) => host !== endpoint.host && isSameOrSubdomain(endpoint.host, host))
        .toSorted((one, other) => one.order - other.order)
        .at(0)?.host;
      if (login === undefined) return [];
      const same = hostname(endpoint.host) === hostname(login.host);
      const relation = same ? 'has the host name of' : 'is below';
      return [
        {
          path: endpoint.path,
          message: `data endpoint "${endpoint.host}" ${relation} ${describe(login)}, so that clients would send their credentials to it`,
          hint: `take a name beside it${suggest(hostname(login.host))}`,
        },
      ];
    });
}

/** `a.b.c`, `b.c`, `c`. */
function nameAndParents(name: string): readonly string[] {
  const labels = name.split('.');
  return labels.map((_, at) => labels.slice(at).join('.'));
}

function describe({ host, kind, registry }: ClientHost): string {
  return `${kind === 'data endpoint' ? 'a' : 'the'} ${kind} "${host}" of registry ${registry}`;
}

function suggest(login: string): string {
  const labels = login.split('.');
  if (isIP(login) !== 0 || labels.length < 3) return ', such as "{registry}.{region}.data.registry.example"';
  return `, such as "{registry}.{region}.data.${labels.slice(1).join('.')}"`;
}
