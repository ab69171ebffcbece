import t from 'tap';
import { type LeastRate, RateWatch } from '../../src/upstream/rate-watch.ts';
import { createTestClock } from '../support/test-clock.ts';

const LEAST: LeastRate = { bytesPerSecond: 100, windowMs: 10_000 };

function open(least = LEAST) {
  const clock = createTestClock();
  const found: number[] = [];
  const watch = new RateWatch(least, (bytes) => found.push(bytes), clock);
  return { clock, watch, found };
}

t.test('less than the rate over a whole window is told, once', (t) => {
  const { clock, watch, found } = open();
  watch.resume();
  for (let second = 0; second < 10; second += 1) {
    t.strictSame(found, []);
    watch.moved(99);
    clock.pass(1000);
  }
  t.strictSame(found, [990]);
  clock.pass(100_000);
  t.strictSame(found, [990]);
  t.equal(clock.timers, 0);
  t.end();
});

t.test('the rate itself is enough, in each window anew', (t) => {
  const { clock, watch, found } = open();
  watch.resume();
  for (let second = 0; second < 30; second += 1) {
    watch.moved(100);
    clock.pass(1000);
  }
  t.strictSame(found, []);
  watch.moved(999);
  clock.pass(10_000);
  t.strictSame(found, [999], 'what came before does not count');
  t.end();
});

t.test('bytes that come at once, and then nothing, are judged within two windows', (t) => {
  const { clock, watch, found } = open();
  watch.resume();
  watch.moved(1_000_000);
  clock.pass(19_999);
  t.strictSame(found, []);
  clock.pass(1);
  t.strictSame(found, [0]);
  t.end();
});

t.test('time in which the source is paused does not count', (t) => {
  const { clock, watch, found } = open();
  clock.pass(100_000);
  t.equal(clock.timers, 0, 'nothing is measured before it is let');
  // A client that takes a byte an hour: the source has a second each time.
  for (let turn = 0; turn < 9; turn += 1) {
    watch.resume();
    watch.resume();
    watch.moved(1);
    clock.pass(1000);
    watch.pause();
    watch.pause();
    clock.pass(3_600_000);
  }
  t.strictSame(found, []);
  watch.resume();
  clock.pass(999);
  t.strictSame(found, []);
  clock.pass(1);
  t.strictSame(found, [9], 'ten seconds in which it was let are');
  t.end();
});

t.test('a timer that comes while it is paused, or before the window is over, is set anew', (t) => {
  const { clock, watch, found } = open();
  watch.resume();
  clock.pass(9000);
  watch.pause();
  clock.pass(5000);
  t.equal(clock.timers, 0);
  watch.resume();
  clock.pass(500);
  watch.pause();
  clock.pass(400);
  watch.resume();
  clock.pass(499);
  t.strictSame(found, []);
  clock.pass(1);
  t.strictSame(found, [0]);
  t.end();
});

t.test('a process that stood still says nothing about its source', (t) => {
  const { clock, watch, found } = open();
  watch.resume();
  clock.jump(300_000);
  t.strictSame(found, [], 'what was sent meanwhile is not read yet');
  clock.pass(9999);
  t.strictSame(found, []);
  clock.pass(1);
  t.strictSame(found, [0], 'but the next window counts');
  t.end();
});

t.test('nothing is told after the end, nor where no rate is asked for', (t) => {
  const { clock, watch, found } = open();
  watch.resume();
  watch.end();
  watch.resume();
  clock.pass(100_000);
  t.strictSame(found, []);
  const off = open({ ...LEAST, bytesPerSecond: 0 });
  off.watch.resume();
  t.equal(off.clock.timers, 0);
  off.clock.pass(100_000);
  t.strictSame(off.found, []);
  t.end();
});
