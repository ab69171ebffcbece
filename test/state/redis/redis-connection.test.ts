import t from 'tap';
import { createMetrics } from '../../../src/metrics/metrics.ts';
import { createRedisConnection } from '../../../src/state/redis/redis-connection.ts';
import { until } from '../../support/until.ts';

t.test(
  'M5 one that can be connected to and answers nobody is said to be away once, not each time',
  async (t) => {
    const metrics = createMetrics();
    const said: string[] = [];
    const note = (_facts: object, message: string): void => void said.push(message);
    const answers = { is: false };
    let connects = 0;
    const connection = createRedisConnection({
      connect() {
        connects += 1;
        const send = () => (answers.is ? Promise.resolve('PONG') : new Promise<never>(() => undefined));
        return Promise.resolve({ send, destroy: () => undefined });
      },
      timeoutMs: 20,
      metrics,
      log: { info: note, warn: note },
    });
    t.teardown(() => connection.close());
    const away = () => said.filter((message) => message.includes('can not be reached')).length;
    await until(async () => {
      await connection.run('look', ['PING']);
      return connects >= 4;
    }, 'it has been connected to four times');
    t.equal(away(), 1);
    answers.is = true;
    await until(async () => (await connection.run('look', ['PING'])) === 'PONG', 'it answers');
    t.equal(said.at(-1), 'the shared state is there again');
    answers.is = false;
    await until(async () => {
      await connection.run('look', ['PING']);
      return away() === 2;
    }, 'another outage is said anew');
  },
);
