import { comment, describeEgress } from './describe-egress.ts';
import type { Egress } from './egress.ts';

/** One `host:port` a line (IPv6 in brackets), in the order login server, data endpoints; comments above. */
export function formatPlain(egress: Egress): string {
  const lines = [...comment(describeEgress(egress, []))];
  for (const { use, registry, host, port } of egress.targets) {
    lines.push(`# ${use} of ${registry}`, `${host.includes(':') ? `[${host}]` : host}:${port}`);
  }
  for (const { registry, pattern, port } of egress.patterns) {
    lines.push(
      `# storage of ${registry}, * is one or more characters other than a dot`,
      `${pattern}:${port}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
