import type { Egress, EgressTarget } from './egress.ts';

/** Sentences for the head of every format that has comments; `load` says how the rules get into the program. */
export function describeEgress(egress: Egress, load: readonly string[]): readonly string[] {
  const names = egress.registries.join(', ');
  const removable = removableNote(egress);
  return [
    `What clients of ${names} must reach through Berth, and nothing else; by "berth firewall-rules".`,
    ...load,
    ...(egress.patterns.length === 0
      ? []
      : [
          "STORAGE IS OPEN: clients without data endpoints need the wildcard below, which is everybody's storage.",
        ]),
    ...(removable === undefined ? [] : [removable]),
  ];
}

/** What rules can go, once every client pulls through Berth; undefined: none. */
export function removableNote(egress: Egress): string | undefined {
  if (egress.removable.length === 0) return undefined;
  return `No longer needed by clients, so remove where nothing else does: ${egress.removable.join(' ')}`;
}

/** `data endpoint contoso.eastus.data.registry.example`, cut to what the program keeps of a comment. */
export function describeTarget({ use, host }: EgressTarget, maxLength: number): string {
  return `${use} ${host}`.slice(0, maxLength);
}

/** Lines of a comment. */
export function comment(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `# ${line}`);
}
