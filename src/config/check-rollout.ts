import { checkCidrs } from './check-cidrs.ts';
import { deliveryOf, type FileRegistry } from './file-config.ts';
import type { ConfigPath, Finding } from './problem.ts';

/** A rollout that can not do what it says would only show when a pull fails. */
export function checkRollout(registry: FileRegistry, path: ConfigPath): readonly Finding[] {
  const { clients, percent } = registry.rollout;
  const findings = [...checkCidrs(clients, [...path, 'clients'])];
  if (clients.length > 0 && percent === 100) {
    findings.push({
      path: [...path, 'clients'],
      message: 'has no effect: percent is 100, which is every client',
      hint: 'add percent: 0 for these clients alone, or remove it',
    });
  }
  if (clients.length === 0 && percent === 100) return findings;
  if (deliveryOf(registry) === 'inline') {
    findings.push({
      path,
      atKey: true,
      message: 'has no effect with delivery: inline, which has no data endpoints',
      hint: 'choose delivery: dedicated, or remove it',
    });
  } else if (registry.dataEndpoint === null) {
    findings.push({
      path,
      atKey: true,
      message: 'has no effect without dataEndpoint',
      hint: 'add a pattern such as "{registry}.{region}.data.registry.example", or remove it',
    });
  }
  return findings;
}
