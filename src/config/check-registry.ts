import { canonicalNamespace } from '../endpoints/namespace.ts';
import { checkClients } from './check-clients.ts';
import { checkNetworkRules } from './check-network-rules.ts';
import { checkPreset } from './check-preset.ts';
import { checkHostPattern, checkPathPattern } from './check-redirect-host.ts';
import { checkRegions } from './check-regions.ts';
import { checkRepositoryRules } from './check-repository-rules.ts';
import { checkRollout } from './check-rollout.ts';
import { checkHostList, checkUpstream } from './check-upstream.ts';
import { deliveryOf, type FileConfig, type FileRegistry } from './file-config.ts';
import { presetFields } from './preset-fields.ts';
import type { ConfigPath, Finding } from './problem.ts';

/** Everything about one registry that does not depend on the others' hosts. */
export function checkRegistry(
  registry: FileRegistry,
  config: FileConfig,
  path: ConfigPath,
): readonly Finding[] {
  return [
    ...(registry.upstream === undefined ? [] : checkUpstream(registry.upstream, [...path, 'upstream'])),
    ...checkPreset(registry, [...path, 'preset']),
    ...checkNamespaces(registry, [...path, 'namespaces']),
    ...checkDelivery(registry, path),
    ...checkRollout(registry, [...path, 'rollout']),
    ...checkRedirectHosts(registry, [...path, 'redirectHosts']),
    ...checkRegions(registry, path),
    ...checkNetworkRules(registry, config, path),
    ...checkRepositoryRules(registry.rules.repositories, [...path, 'rules', 'repositories']),
    ...checkClients(registry, config, path),
  ];
}

function checkNamespaces(registry: FileRegistry, path: ConfigPath): readonly Finding[] {
  const findings = [...checkHostList(registry.namespaces, path)];
  const seen = new Map<string, string>();
  for (const [index, namespace] of registry.namespaces.entries()) {
    const canonical = namespace === undefined ? undefined : canonicalNamespace(namespace);
    if (canonical === undefined || namespace === undefined) continue;
    const other = seen.get(canonical);
    if (other !== undefined) {
      const message = `"${namespace}" is claimed twice: "${other}" is the same source host`;
      findings.push({ path: [...path, index], message, hint: 'remove one' });
    }
    seen.set(canonical, namespace);
  }
  return findings;
}

function checkDelivery(registry: FileRegistry, path: ConfigPath): readonly Finding[] {
  const findings: Finding[] = [];
  const { delivery, dataEndpointEnabled } = registry;
  if (delivery !== undefined && dataEndpointEnabled !== undefined) {
    if (delivery !== (dataEndpointEnabled ? 'dedicated' : 'passthrough')) {
      findings.push({
        path: [...path, 'dataEndpointEnabled'],
        message: `${dataEndpointEnabled} contradicts delivery: ${delivery}`,
        hint: 'keep only delivery',
      });
    }
  }
  if (deliveryOf(registry) !== 'dedicated') return findings;
  const wayOut = 'or choose delivery: inline, which needs none';
  if (registry.dataEndpoint === null) {
    const hint = `add a pattern such as "{registry}.{region}.data.registry.example", ${wayOut}`;
    findings.push({
      path: [...path, 'dataEndpoint'],
      message: 'is missing, and delivery: dedicated needs it',
      hint,
    });
  }
  if (registry.regions.length === 0) {
    const hint = `add at least one region, such as { name: eastus }, ${wayOut}`;
    findings.push({
      path: [...path, 'regions'],
      message: 'is empty, and delivery: dedicated needs one',
      hint,
    });
  }
  // Where a preset could not bring them, the field that kept it from that has its own finding.
  if (registry.redirectHosts.length === 0 && !hasIdlePreset(registry)) {
    const hint = `list the storage hosts, such as "*.blob.core.windows.net", ${wayOut}`;
    findings.push({
      path: [...path, 'redirectHosts'],
      message: 'is empty, so that every redirect to storage would be refused',
      hint,
    });
  }
  return findings;
}

function hasIdlePreset({ preset, upstream }: FileRegistry): boolean {
  if (preset === undefined) return false;
  return upstream?.url === undefined || presetFields(preset, upstream.url) === undefined;
}

function checkRedirectHosts(registry: FileRegistry, path: ConfigPath): readonly Finding[] {
  return registry.redirectHosts.flatMap((entry, index) => {
    if (entry === undefined) return [];
    if (typeof entry === 'string') return checkHostPattern(entry, [...path, index], 'permits');
    const { host, pathPattern } = entry;
    return [
      ...(host === undefined ? [] : checkHostPattern(host, [...path, index, 'host'], 'permits')),
      ...(pathPattern === null ? [] : checkPathPattern(pathPattern, [...path, index, 'pathPattern'])),
    ];
  });
}
