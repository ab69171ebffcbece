import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../support/until.ts';
import { openResumeScene } from './resuming.ts';

const MIDDLE = 900_000;

t.test('U1 E6 what storage is refused amid a body is an event, too, and the body ends short', async (t) => {
  for (const delivery of ['dedicated', 'inline'] as const) {
    const file = join(t.testdir({}), 'audit.jsonl');
    const scene = await openResumeScene(t, { registry: { delivery }, config: { audit: { file } } });
    const elsewhere = { location: 'https://attacker.example/x?sig=of-a-location' };
    scene.one.acts.push({ endsAt: MIDDLE });
    scene.one.act = { status: 307, headers: elsewhere };
    const got = await scene.send(delivery === 'inline' ? scene.blobPath : await scene.ticketUrl());
    t.match(got, { status: 200, ended: 'short' });
    t.ok(got.body.equals(scene.blob.subarray(0, MIDDLE)), delivery);
    await until(() => readFileSync(file, 'utf8') !== '', 'the event');
    const events = readFileSync(file, 'utf8').trimEnd().split('\n');
    t.equal(events.length, 1);
    t.match(JSON.parse(events[0] ?? ''), {
      reason: 'redirect_location',
      detail: 'host_not_listed',
      digest: scene.digest,
    });
    t.notMatch(events[0], /of-a-location/);
  }
});
