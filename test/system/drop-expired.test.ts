import { LRUCache } from 'lru-cache';
import t from 'tap';
import { atMost } from '../../src/system/at-most.ts';
import { dropExpired } from '../../src/system/drop-expired.ts';

t.test('takes out what is over, two for each that comes', async (t) => {
  const cache = new LRUCache<string, { readonly until: number }>(atMost(1000));
  for (let name = 0; name < 10; name += 1) cache.set(String(name), { until: name });
  dropExpired(cache, 0);
  t.same([...cache.rkeys()], ['1', '2', '3', '4', '5', '6', '7', '8', '9']);
  dropExpired(cache, 8);
  t.same([...cache.rkeys()], ['3', '4', '5', '6', '7', '8', '9']);
});

t.test('leaves what is not over', async (t) => {
  const cache = new LRUCache<string, { readonly until: number }>(atMost(1000));
  dropExpired(cache, 1);
  cache.set('lasting', { until: 10 });
  cache.set('over', { until: 1 });
  dropExpired(cache, 1);
  t.equal(cache.size, 2, 'nor what came after it');
});

t.test('a cache holds what came within the time of its entries', async (t) => {
  const cache = new LRUCache<string, { readonly until: number }>(atMost(20_000));
  for (let now = 0; now < 5000; now += 1) {
    dropExpired(cache, now);
    cache.set(String(now), { until: now + 60 });
  }
  t.equal(cache.size, 60);
});
