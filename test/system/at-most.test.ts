import { LRUCache } from 'lru-cache';
import t from 'tap';
import { atMost } from '../../src/system/at-most.ts';

t.test('holds so many entries and drops the one used longest ago', (t) => {
  const dropped: string[] = [];
  const cache = new LRUCache<string, number>({
    ...atMost(2),
    dispose: (_value, key, reason) => void (reason === 'evict' && dropped.push(key)),
  });
  cache.set('a', 1).set('b', 2);
  cache.get('a');
  cache.set('b', 3);
  t.same(dropped, [], 'a value that is replaced takes no room');
  cache.get('a');
  cache.set('c', 4);
  t.same([...cache.keys()].toSorted(), ['a', 'c']);
  t.same(dropped, ['b']);
  cache.delete('a');
  cache.set('d', 5);
  t.same(dropped, ['b'], 'what was taken out makes room');
  t.end();
});

t.test('takes nothing beforehand', (t) => {
  const before = process.memoryUsage().arrayBuffers;
  const cache = new LRUCache<string, number>(atMost(1_000_000));
  t.equal(cache.maxSize, 1_000_000);
  t.equal(process.memoryUsage().arrayBuffers, before);
  t.end();
});
