import { pino } from 'pino';
import t from 'tap';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createReloadRecord, worstOutcome } from '../../src/serving/reload-record.ts';

function scene() {
  const metrics = createMetrics();
  const record = createReloadRecord({ metrics, log: pino({ level: 'silent' }), now: () => 5000 });
  const successful = async (part: string): Promise<boolean> => {
    const text = await metrics.text();
    return text.includes(`berth_config_last_reload_successful{part="${part}"} 1`);
  };
  return { record, successful };
}

t.test('one source hides no failure of another', async (t) => {
  const { record, successful } = scene();
  t.ok(await successful('passwords'), 'at the start');
  record.note('passwords', { result: 'rejected', reason: 'line 1' }, 'one');
  record.note('passwords', { result: 'applied' }, 'other');
  t.notOk(await successful('passwords'));
  t.ok(await successful('certificates'), 'each part by itself');
  record.note('passwords', { result: 'applied' }, 'one');
  t.ok(await successful('passwords'));
});

t.test('a source that is no more is no failure', async (t) => {
  const { record, successful } = scene();
  record.note('passwords', { result: 'rejected', reason: 'line 1' }, 'one');
  record.forget('passwords', 'one');
  t.ok(await successful('passwords'));
});

t.test('the worst outcome names every reason once', (t) => {
  const rejected = (reason: string) => ({ result: 'rejected', reason }) as const;
  t.equal(worstOutcome([]), undefined);
  t.same(worstOutcome([{ result: 'unchanged' }]), { result: 'unchanged' });
  t.same(worstOutcome([{ result: 'unchanged' }, { result: 'applied' }]), { result: 'applied' });
  t.same(
    worstOutcome([rejected('a'), { result: 'applied' }, rejected('b'), rejected('a')]),
    rejected('a; b'),
  );
  t.end();
});
