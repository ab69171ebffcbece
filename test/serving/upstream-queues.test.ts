import t from 'tap';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createUpstreamQueues } from '../../src/serving/upstream-queues.ts';
import { registryConfig } from '../upstream/servers.ts';

t.test('one queue for a registry and its upstream, as long as anybody needs it', async (t) => {
  const queues = createUpstreamQueues(createMetrics());
  const registry = registryConfig('https://one.example');
  const first = queues.take(registry);
  const second = queues.take({ ...registry, push: false });
  t.equal(first.queue, second.queue);
  t.not(queues.take({ ...registry, name: 'other' }).queue, first.queue);
  t.not(queues.take(registryConfig('https://two.example')).queue, first.queue);
  first.release();
  t.equal(queues.take(registry).queue, first.queue);
  second.release();
  queues.take(registry).release();
  const last = queues.take(registry);
  t.equal(last.queue, first.queue, 'one is left');
  last.release();
});

t.test('kept where it is there, and not made for that', async (t) => {
  const queues = createUpstreamQueues(createMetrics());
  const registry = registryConfig('https://one.example');
  t.equal(queues.keep(registry), undefined);
  const first = queues.take(registry);
  const kept = queues.keep(registry);
  t.equal(kept?.queue, first.queue);
  first.release();
  t.equal(queues.take(registry).queue, first.queue, 'it has outlived who took it');
  kept?.release();
});
