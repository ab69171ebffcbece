import type { ServerResponse } from 'node:http';
import t from 'tap';
import { parseDigest } from '../../src/oci/digest.ts';
import { parseRepositoryName } from '../../src/oci/repository-name.ts';
import { until } from '../support/until.ts';
import { openUpstream, patient, registryConfig, serve } from './servers.ts';

const parsed = parseDigest(`sha256:${'a'.repeat(64)}`);
const repository = parseRepositoryName('team/app');
if (parsed.kind !== 'ok' || repository === undefined) throw new Error('test data');
const { digest } = parsed;

t.test('who asks hears of the wait for a turn, and of nothing where there is none', async (t) => {
  const held: ServerResponse[] = [];
  const { url } = await serve(t, (_request, response) => void held.push(response));
  const config = registryConfig(url);
  const limits = { ...config.upstream.limits, concurrency: 1 };
  const upstream = openUpstream(t, { ...config, upstream: { ...config.upstream, limits } });
  const told: string[] = [];
  const queueWait = (name: string) => ({
    began: () => void told.push(`${name} waits`),
    ended: () => void told.push(`${name} goes on`),
  });
  const signal = patient();
  const request = { method: 'GET', path: '/v2/', signal };
  const first = upstream.request({ ...request, queueWait: queueWait('first') });
  await until(() => held.length === 1, 'it is asked');
  const second = upstream.follow({ ...request, queueWait: queueWait('second') });
  const question = { repository, digest, authorization: undefined };
  const leaving = new AbortController();
  const third = upstream.locateBlob({ ...question, queueWait: queueWait('third'), signal: leaving.signal });
  await until(() => told.length === 2, 'both wait');
  leaving.abort();
  await t.rejects(third);
  held[0]?.end();
  await first;
  await until(() => held.length === 2, 'the next is asked');
  held[1]?.end();
  await second;
  t.same(told, ['second waits', 'third waits', 'third goes on', 'second goes on']);
});
