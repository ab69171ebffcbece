import { type Cidr, formatCidr, parseCidr } from '../policy/address-set.ts';
import type { FileConfig, FileIpRule, FileRegistry } from './file-config.ts';
import type { ConfigPath, Finding } from './problem.ts';

/** Rules must be CIDRs and must be able to matter, and somebody must be able to come in. */
export function checkNetworkRules(
  registry: FileRegistry,
  config: FileConfig,
  path: ConfigPath,
): readonly Finding[] {
  const { defaultAction, ipRules } = registry.networkRules;
  const at = [...path, 'networkRules', 'ipRules'];
  const rules: Rule[] = [];
  const findings = [...checkPublicAccess(registry, config, path)];
  for (const [index, rule] of ipRules.entries()) {
    if (rule?.value === undefined) continue;
    const cidr = parseCidr(rule.value);
    if (cidr === undefined) {
      findings.push({
        path: [...at, index, 'value'],
        message: `"${rule.value}" is not a CIDR`,
        hint: 'write an address with a prefix length of at most 32 (IPv4) or 128 (IPv6), such as 10.0.0.0/8 or fd00::/8, or an address alone',
      });
    } else rules.push({ action: rule.action, cidr, value: rule.value, index });
  }
  findings.push(...checkEffect(rules, defaultAction, at));
  if (defaultAction === 'deny' && !ipRules.some((rule) => rule === undefined || rule.action === 'allow')) {
    findings.push({
      path: [...path, 'networkRules', 'defaultAction'],
      message: 'lets nobody in: there is no allow rule',
      hint: 'add the networks of the clients to ipRules, or write defaultAction: allow',
    });
  }
  return findings;
}

type Rule = {
  readonly action: FileIpRule['action'];
  readonly cidr: Cidr;
  readonly value: string;
  readonly index: number;
};

function checkPublicAccess(registry: FileRegistry, config: FileConfig, path: ConfigPath): readonly Finding[] {
  const listeners = config.listeners ?? [];
  if (registry.publicNetworkAccess || listeners.some((one) => one === undefined || one.network === 'private'))
    return [];
  return [
    {
      path: [...path, 'publicNetworkAccess'],
      message: 'closes the registry to every listener: none is private',
      hint: 'write network: private for the listener that only the private network reaches',
    },
  ];
}

function checkEffect(
  rules: readonly Rule[],
  defaultAction: 'allow' | 'deny',
  at: ConfigPath,
): readonly Finding[] {
  const findings: Finding[] = [];
  const seen = new Map<string, Rule>();
  const denyRules = rules.filter(({ action }) => action === 'deny').map(({ cidr }) => cidr);
  const denied = new Set(denyRules.map(formatCidr));
  const lengths = [...new Set(denyRules.map(({ prefix }) => prefix))].toSorted((a, b) => a - b);
  for (const rule of rules) {
    const { action, cidr, value, index } = rule;
    const key = `${action} ${formatCidr(cidr)}`;
    const other = seen.get(key);
    if (other !== undefined) {
      const message = `"${value}" is there twice: ipRules[${other.index}] says the same`;
      findings.push({ path: [...at, index], message, hint: 'remove one' });
      continue;
    }
    seen.set(key, rule);
    if (action !== 'allow') continue;
    if (defaultAction === 'allow') {
      const message = `allow "${value}" has no effect: deny rules beat it, and everything else is allowed anyway`;
      findings.push({ path: [...at, index], message, hint: 'remove it, or write defaultAction: deny' });
    } else {
      const wider = networksAround(cidr, lengths).find((network) => denied.has(network));
      if (wider === undefined) continue;
      const message = `allow "${value}" can never match: the deny rule for ${wider} beats it`;
      findings.push({
        path: [...at, index],
        message,
        hint: 'remove one of the two, or make the deny rule narrower',
      });
    }
  }
  return findings;
}

/** The network itself and those around it, of these prefix lengths. */
function networksAround({ address, prefix }: Cidr, lengths: readonly number[]): readonly string[] {
  return lengths
    .filter((length) => length <= prefix)
    .map((length) => parseCidr(`${address}/${length}`))
    .flatMap((network) => (network === undefined ? [] : [formatCidr(network)]));
}
