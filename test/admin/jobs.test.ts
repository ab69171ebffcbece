import t from 'tap';

import { createJobs } from '../../src/admin/jobs.ts';

t.test('a result that nobody came back for is not the answer to a later question', async (t) => {
  let now = 0;
  const jobs = createJobs(1, () => now);
  const first = Promise.withResolvers<string>();
  t.equal(await jobs.ask('verify', () => first.promise), undefined);
  first.resolve('of then');
  await first.promise;
  now += 60_000;
  t.same(await jobs.ask('verify', () => Promise.resolve('of now')), { result: 'of now' });
});

t.test('one that was promised is kept for who comes back', async (t) => {
  let now = 0;
  const jobs = createJobs(1, () => now);
  const first = Promise.withResolvers<string>();
  t.equal(await jobs.ask('verify', () => first.promise), undefined);
  first.resolve('of then');
  await first.promise;
  now += 5000;
  t.same(await jobs.ask('verify', () => Promise.resolve('of now')), { result: 'of then' });
});
