import { parseCidr } from '../policy/address-set.ts';
import { checkCidrs } from './check-cidrs.ts';
import { checkHostPattern } from './check-redirect-host.ts';
import { checkAuth, checkOrigin, checkReachable } from './check-upstream.ts';
import type { FileRegion, FileRegistry } from './file-config.ts';
import { nearestName } from './nearest-name.ts';
import type { ConfigPath, Finding } from './problem.ts';

/** Names, patterns, upstreams and clients of the regions, and what else in the registry names a region. */
export function checkRegions(registry: FileRegistry, path: ConfigPath): readonly Finding[] {
  const at = [...path, 'regions'];
  return [
    ...checkNames(registry, at),
    ...registry.regions.flatMap((region, index) =>
      region === undefined ? [] : checkRegion(region, registry, [...at, index]),
    ),
    ...checkUrls(registry, at),
    ...checkClientNetworks(registry, at),
    ...checkHome(registry, path),
    ...checkServed(registry, [...path, 'serveRegions']),
  ];
}

function checkNames(registry: FileRegistry, path: ConfigPath): readonly Finding[] {
  const findings: Finding[] = [];
  const names = new Set<string>();
  for (const [index, region] of registry.regions.entries()) {
    if (region?.name === undefined) continue;
    if (names.has(region.name)) {
      const hint = 'put all patterns of a region into one match list';
      findings.push({ path: [...path, index, 'name'], message: `"${region.name}" is there twice`, hint });
    }
    names.add(region.name);
  }
  return findings;
}

function checkRegion(region: FileRegion, registry: FileRegistry, path: ConfigPath): readonly Finding[] {
  return [
    ...region.match.flatMap((pattern, index) =>
      pattern === undefined ? [] : checkHostPattern(pattern, [...path, 'match', index], 'maps'),
    ),
    ...checkCidrs(region.clients, [...path, 'clients']),
    ...(region.upstream === null ? [] : checkRegionUpstream(region, registry, [...path, 'upstream'])),
  ];
}

function checkRegionUpstream(
  { name, upstream }: FileRegion,
  registry: FileRegistry,
  path: ConfigPath,
): readonly Finding[] {
  if (upstream === null) return [];
  const findings: Finding[] = [];
  const { url, auth } = upstream;
  const home = registry.upstream;
  if (name !== undefined && name === homeOf(registry)) {
    findings.push({
      path,
      atKey: true,
      message: `"${name}" is the home region, whose upstream is the registry's own`,
      hint: 'remove it, or name another region in homeRegion',
    });
  }
  if (url !== undefined) {
    const at = [...path, 'url'];
    findings.push(...checkOrigin(url, at));
    if (home !== undefined) findings.push(...checkReachable({ ...home, url }, at));
    // What may be plain depends on the scheme, and a redirect or a token must not get there by way of a region.
    const scheme = URL.parse(url)?.protocol;
    const homeScheme = URL.parse(home?.url ?? '')?.protocol;
    if (scheme !== undefined && homeScheme !== undefined && scheme !== homeScheme) {
      const message = `has another scheme than upstream.url (${homeScheme.slice(0, -1)})`;
      findings.push({ path: at, message, hint: 'reach all regions of a registry the same way' });
    }
  }
  if (auth !== null) {
    findings.push(...checkAuth(auth, [...path, 'auth']));
    if ((home?.auth ?? null) === null) {
      findings.push({
        path: [...path, 'auth'],
        atKey: true,
        message:
          'would let everybody in who reaches a listener: at home the upstream decides by the credentials of each client',
        hint: 'remove it, so that those go to this region as well, or add upstream.auth and clients',
      });
    }
  }
  return findings;
}

/** Two regions with one upstream are one: where it fails there would be nothing to go to. */
function checkUrls(registry: FileRegistry, path: ConfigPath): readonly Finding[] {
  const seen = new Map<string, string>();
  const home = URL.parse(registry.upstream?.url ?? '')?.origin;
  if (home !== undefined) seen.set(home, 'upstream.url of the registry');
  return registry.regions.flatMap((region, index) => {
    const origin = URL.parse(region?.upstream?.url ?? '')?.origin;
    if (origin === undefined) return [];
    const other = seen.get(origin);
    seen.set(origin, other ?? `that of region ${region?.name ?? '?'}`);
    if (other === undefined) return [];
    const message = `is the same as ${other}`;
    return [
      { path: [...path, index, 'upstream', 'url'], message, hint: 'name the registry of this very region' },
    ];
  });
}

function checkClientNetworks(registry: FileRegistry, path: ConfigPath): readonly Finding[] {
  const seen = new Map<string, string>();
  const findings: Finding[] = [];
  for (const [index, region] of registry.regions.entries()) {
    for (const [position, text] of (region?.clients ?? []).entries()) {
      const cidr = text === undefined ? undefined : parseCidr(text);
      if (cidr === undefined) continue;
      const key = `${cidr.address}/${cidr.prefix}`;
      const other = seen.get(key);
      if (other !== undefined) {
        findings.push({
          path: [...path, index, 'clients', position],
          message: `"${text}" is also a network of region ${other}`,
          hint: 'a client is served from one region first: keep one of the two',
        });
      }
      seen.set(key, region?.name ?? '?');
    }
  }
  return findings;
}

function checkHome(registry: FileRegistry, path: ConfigPath): readonly Finding[] {
  const { homeRegion } = registry;
  return homeRegion === null ? [] : checkKnown(homeRegion, registry, [...path, 'homeRegion']);
}

function checkServed(registry: FileRegistry, path: ConfigPath): readonly Finding[] {
  const { serveRegions } = registry;
  if (typeof serveRegions === 'string') {
    if (serveRegions === 'all') return [];
    const message = `"${serveRegions}" is neither all nor a list`;
    return [{ path, message, hint: `write all, or a list of regions: [${serveRegions}]` }];
  }
  if (serveRegions.length === 0) {
    const hint = 'write all, or name the regions whose data endpoints lead to this instance';
    return [{ path, message: 'names no region, so that no data endpoint would be answered', hint }];
  }
  return serveRegions.flatMap((name, index) =>
    name === undefined ? [] : checkKnown(name, registry, [...path, index]),
  );
}

function checkKnown(name: string, registry: FileRegistry, path: ConfigPath): readonly Finding[] {
  const names = registry.regions.flatMap((region) => (region?.name === undefined ? [] : [region.name]));
  if (names.includes(name)) return [];
  const nearest = nearestName(name, names);
  const known = names.length === 0 ? 'the registry has no regions' : `its regions are ${names.join(', ')}`;
  const hint = nearest === undefined ? known : `did you mean ${nearest}?`;
  return [{ path, message: `"${name}" is no region of this registry`, hint }];
}

function homeOf(registry: FileRegistry): string | undefined {
  return registry.homeRegion ?? registry.regions[0]?.name;
}
