import { readFile } from 'node:fs/promises';
import { CLIENT_ADDRESS } from '../hosts-file.ts';
import { waitUntil } from '../process.ts';
import { expect, expectEqual } from '../report.ts';
import type { ClosedScene } from './closed-scene.ts';

const AUDIT_TIMEOUT_MS = 5000;

/** One line per refusal, with who asked and why, and no secret in any of them. */
export async function checkAuditLog({ auditFile, facts, berth }: ClosedScene): Promise<string> {
  const counted = sumOf(await berth.metrics(), 'berth_audit_events_total');
  let text = '';
  const written = async () => {
    text = await readFile(auditFile, 'utf8');
    return text.split('\n').length - 1 === counted;
  };
  await waitUntil(`${counted} audit lines, as counted`, written, { timeoutMs: AUDIT_TIMEOUT_MS });
  const lines = text
    .split('\n')
    .slice(0, -1)
    .map((line): { reason: string; client?: string } => JSON.parse(line));
  const reasons = new Set(lines.map(({ reason }) => reason));
  expectEqual(
    ['host', 'method', 'read_only', 'request', 'ticket'].filter((reason) => !reasons.has(reason)),
    [],
    'reasons that are missing',
  );
  expectEqual([...new Set(lines.map(({ client }) => client))], [CLIENT_ADDRESS], 'clients of all lines');
  const { loot, ticket, authorization } = facts;
  const secrets = [loot, ticket.split('&t=')[1] ?? '-', authorization.slice('Bearer '.length), 'sig='];
  for (const place of [text, await berth.readLog()]) {
    for (const secret of secrets) expect(!place.includes(secret), `${secret.slice(0, 12)}… is in a log`);
  }
  return `${lines.length} lines`;
}

/** Sum of all series of a metric. */
function sumOf(metrics: string, name: string): number {
  const lines = metrics.split('\n').filter((line) => line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').pop()), 0);
}
