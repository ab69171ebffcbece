import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createAudit } from '../../src/audit/audit.ts';
import { createLogger } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';

function open(file: string | null) {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const metrics = createMetrics();
  const audit = createAudit({ file, log, metrics, now: () => Date.UTC(2026, 0, 2) });
  return { audit, metrics, lines };
}

const EVENT = {
  reason: 'ticket',
  detail: 'expired',
  requestId: 'id',
  client: '192.0.2.1',
  door: 'data_endpoint',
} as const;

t.test('a line of the file, with nothing that is not known', async (t) => {
  const file = join(t.testdir({}), 'audit');
  const { audit, metrics, lines } = open(file);
  audit.record({ ...EVENT, registry: undefined });
  await audit.close();
  t.equal(readFileSync(file, 'utf8'), `${JSON.stringify({ time: '2026-01-02T00:00:00.000Z', ...EVENT })}\n`);
  t.equal(await metrics.auditEvents.value({ reason: 'ticket' }), 1);
  t.strictSame(lines, []);
});

t.test('a line of the log without a file', async (t) => {
  const { audit, metrics, lines } = open(null);
  audit.record(EVENT);
  await audit.reopen();
  await audit.close();
  t.match(lines, [
    { level: 'warn', msg: 'refused', audit: 'ticket', detail: 'expired', client: '192.0.2.1' },
  ]);
  t.equal(await metrics.auditEvents.value({ reason: 'ticket' }), 1);
  t.equal(await metrics.auditWriteFailures.value({}), 0);
});

t.test('a new file that can not be opened is said, and does not reject', async (t) => {
  const directory = t.testdir({ logs: {} });
  const { audit, lines } = open(join(directory, 'logs', 'audit'));
  const { rmSync } = await import('node:fs');
  rmSync(join(directory, 'logs'), { recursive: true });
  await audit.reopen();
  await audit.close();
  t.match(lines, [{ level: 'error', code: 'ENOENT' }]);
});
