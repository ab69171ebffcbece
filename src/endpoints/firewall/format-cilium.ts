import { isIPv6 } from 'node:net';

import { comment, describeEgress } from './describe-egress.ts';
import { type Egress, isAddress, portsOf } from './egress.ts';

/**
 * What a pod's resolver appends before it tries the name itself (`ndots:5`). Without a rule the DNS proxy refuses these
 * questions, and musl's resolver takes a refusal for the end.
 */
const SEARCH_DOMAINS = ['*.svc.cluster.local', 'svc.cluster.local', 'cluster.local'];

/**
 * A CiliumNetworkPolicy for every pod of the namespace that it is applied in: `toFQDNs` by exact names, and the DNS rule
 * that lets Cilium see their addresses, for those names alone.
 */
export function formatCilium(egress: Egress): string {
  const load = [
    'Load: kubectl apply -n NAMESPACE -f FILE. It selects every pod there: narrow endpointSelector where that is too much.',
    'Pods that pull (builders, runners) are meant; what a node itself pulls is not a pod, so its own firewall has to say it.',
  ];
  const names = [...new Set(egress.targets.filter((each) => !isAddress(each)).map(({ host }) => host))];
  const patterns = [...new Set(egress.patterns.map(({ pattern }) => pattern))];
  const lines = [
    ...comment(describeEgress(egress, load)),
    'apiVersion: cilium.io/v2',
    'kind: CiliumNetworkPolicy',
    'metadata:',
    // A name of an object has at most 253 characters (RFC 1123).
    `  name: ${`berth-${egress.registries.join('-')}`.slice(0, 253).replace(/-+$/, '')}`,
    'spec:',
    '  endpointSelector: {}',
    '  egress:',
  ];
  if (names.length + patterns.length > 0) lines.push(...dnsRule(names, patterns));
  for (const port of portsOf(egress)) lines.push(...portRules(egress, port));
  return `${lines.join('\n')}\n`;
}

function dnsRule(names: readonly string[], patterns: readonly string[]): readonly string[] {
  const searched = [...names, ...patterns].flatMap((name) =>
    SEARCH_DOMAINS.map((domain) => `${name}.${domain}`),
  );
  return [
    '    - toEndpoints:',
    '        - matchLabels:',
    '            k8s:io.kubernetes.pod.namespace: kube-system',
    '            k8s:k8s-app: kube-dns',
    '      toPorts:',
    '        - ports:',
    '            - port: "53"',
    '              protocol: ANY',
    '          rules:',
    '            dns:',
    ...names.map((name) => `              - matchName: "${name}"`),
    ...[...patterns, ...searched].map((pattern) => `              - ${matcher(pattern)}`),
  ];
}

function portRules(egress: Egress, port: number): readonly string[] {
  const targets = egress.targets.filter((each) => each.port === port);
  const names = targets.filter((each) => !isAddress(each)).map(({ host }) => host);
  const patterns = egress.patterns.filter((each) => each.port === port).map(({ pattern }) => pattern);
  const addresses = targets.filter(isAddress).map(({ host }) => host);
  const toPorts = [
    '      toPorts:',
    '        - ports:',
    `            - port: "${port}"`,
    '              protocol: TCP',
  ];
  const lines: string[] = [];
  if (names.length + patterns.length > 0) {
    lines.push('    - toFQDNs:');
    for (const name of new Set([...names, ...patterns])) lines.push(`        - ${matcher(name)}`);
    lines.push(...toPorts);
  }
  if (addresses.length > 0) {
    lines.push('    - toCIDR:');
    for (const address of new Set(addresses)) {
      lines.push(`        - "${address}/${isIPv6(address) ? 128 : 32}"`);
    }
    lines.push(...toPorts);
  }
  return lines;
}

/** In Cilium, too, `*` stands for characters other than a dot. */
function matcher(name: string): string {
  return `${name.includes('*') ? 'matchPattern' : 'matchName'}: "${name}"`;
}
