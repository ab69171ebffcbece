import t from 'tap';
import * as undici from 'undici';
import { Agent, Pool, ProxyAgent } from '../../src/upstream/undici.ts';

t.test('the pools are those that undici exports, with all methods', (t) => {
  t.equal(Agent, undici.Agent);
  t.equal(Pool, undici.Pool);
  t.equal(ProxyAgent, undici.ProxyAgent);
  for (const method of ['request', 'stream', 'pipeline', 'upgrade', 'connect'] as const) {
    t.type(Agent.prototype[method], 'function', method);
  }
  t.end();
});
