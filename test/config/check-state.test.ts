import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { configFile, problemLines } from '../support/config-file.ts';

const lines = (state: unknown): readonly string[] => problemLines({ ...configFile({}), state });

t.test('a URL alone, or a group', async (t) => {
  for (const state of ['redis://redis.internal', 'rediss://user@redis.internal:6380/2', null]) {
    t.same(lines(state), []);
  }
  const load = (state: unknown) => {
    const result = loadConfig({
      text: JSON.stringify({ ...configFile({}), state }),
      fileName: '/etc/berth/berth.yaml',
      env: {},
    });
    if (result.kind !== 'ok') throw new Error(JSON.stringify(result.problems));
    return result.config.state;
  };
  const short = load('redis://redis.internal');
  t.same(short, load({ url: 'redis://redis.internal' }), 'with the same defaults');
  t.equal(load({ url: 'redis://h', passwordFile: 'secret' })?.passwordFile, '/etc/berth/secret');
  t.equal(load(null), null);
});

t.test('what is no Redis, and a password in a URL, which is not repeated', async (t) => {
  for (const url of ['http://redis.internal', 'redis.internal:6379', 'redis://']) {
    t.match(lines(url), [/state: is not the URL of a Redis; write redis:\/\/host:port/], url);
  }
  for (const state of ['redis://:s3cret@h', { url: 'rediss://berth:s3cret@h' }]) {
    const [line, ...others] = lines(state);
    t.match(line, /has a password in it; put it on the first line of a file/);
    t.notMatch(line, /s3cret/);
    t.same(others, []);
  }
  t.match(lines('redis://h/0?x=y'), [/says more than where the Redis is/]);
  t.match(lines({ url: 'redis://h', caFile: 'ca.pem' }), [/state\.caFile: is of no use without TLS/]);
  t.match(lines({ passwordFile: 'x' }), [/state\.url: is missing/]);
});
