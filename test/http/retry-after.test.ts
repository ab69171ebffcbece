import * as fc from 'fast-check';
import tap from 'tap';
import { parseRetryAfter } from '../../src/http/retry-after.ts';
import { holds } from '../support/property.ts';

const NOW = Date.UTC(2026, 0, 1, 0, 0, 0);

await tap.test('both forms', (t) => {
  const rows: readonly (readonly [string, number | undefined])[] = [
    ['0', 0],
    ['120', 120],
    ['0000120', 120],
    ['86401', 86_400],
    ['99999999999999999999', 86_400],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30],
    ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
    ['Thu, 01 Jan 2099 00:00:00 GMT', 86_400],
    ['', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['+1', undefined],
    ['1s', undefined],
    [' 1', undefined],
    ['soon', undefined],
    ['9'.repeat(65), undefined],
  ];
  for (const [value, seconds] of rows) t.equal(parseRetryAfter(value, NOW), seconds, JSON.stringify(value));
  t.equal(parseRetryAfter('Thu, 01 Jan 2026 00:00:30 GMT', NOW + 500), 30, 'rounded up');
  t.end();
});

await tap.test('whole seconds between 0 and a day, or nothing', (t) => {
  const anyValue = fc.oneof(
    fc.string(),
    fc.nat().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  );
  holds(
    t,
    'bounded',
    fc.property(anyValue, (value) => {
      const seconds = parseRetryAfter(value, NOW);
      return seconds === undefined || (Number.isInteger(seconds) && seconds >= 0 && seconds <= 86_400);
    }),
  );
  t.end();
});
