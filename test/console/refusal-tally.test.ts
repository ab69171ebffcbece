import t from 'tap';
import { createRefusalTally } from '../../src/console/refusal-tally.ts';

t.test('counts by reason, detail and registry; the most frequent first', async (t) => {
  let now = 1;
  const tally = createRefusalTally(() => now);
  tally.record({ reason: 'host', detail: 'unknown_host' });
  now = 2;
  tally.record({ reason: 'ticket', detail: 'expired', registry: 'contoso' });
  tally.record({ reason: 'ticket', detail: 'expired', registry: 'contoso' });
  tally.record({ reason: 'ticket', detail: 'expired', registry: 'fabrikam' });
  t.strictSame(tally.top(2), [
    { reason: 'ticket', detail: 'expired', registry: 'contoso', count: 2, lastSeen: 2 },
    { reason: 'ticket', detail: 'expired', registry: 'fabrikam', count: 1, lastSeen: 2 },
  ]);
});
