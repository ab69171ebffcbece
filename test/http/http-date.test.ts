import * as fc from 'fast-check';
import tap from 'tap';
import { parseHttpDate } from '../../src/http/http-date.ts';
import { holds } from '../support/property.ts';

const NOW = Date.UTC(2026, 6, 1);

await tap.test('three forms of one instant', (t) => {
  const instant = Date.UTC(1994, 10, 6, 8, 49, 37);
  for (const value of [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
  ]) {
    t.equal(parseHttpDate(value, NOW), instant, value);
  }
  t.end();
});

await tap.test('the century of a two-digit year', (t) => {
  t.equal(parseHttpDate('Monday, 01-Jan-76 00:00:00 GMT', NOW), Date.UTC(2076, 0, 1));
  t.equal(parseHttpDate('Monday, 01-Jan-77 00:00:00 GMT', NOW), Date.UTC(1977, 0, 1));
  t.end();
});

await tap.test('no dates', (t) => {
  for (const value of [
    '',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 GMT ',
    'sun, 06 nov 1994 08:49:37 gmt',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 31 Nov 1994 08:49:37 GMT',
    'Sun, 29 Feb 2023 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'Sun, 06 Nov 1994 08:00:61 GMT',
    '1994-11-06T08:49:37Z',
    `Sun, 06 Nov 1994 08:49:37 GMT${' '.repeat(1000)}`,
  ]) {
    t.equal(parseHttpDate(value, NOW), undefined, value.slice(0, 40));
  }
  t.end();
});

await tap.test('properties', (t) => {
  const seconds = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) / 1000 });
  holds(
    t,
    'reads what toUTCString writes',
    fc.property(seconds, (s) => parseHttpDate(new Date(s * 1000).toUTCString(), NOW) === s * 1000),
  );
  holds(
    t,
    'random text is no date',
    fc.property(fc.string({ unit: 'binary' }), (value) => parseHttpDate(value, NOW) === undefined),
  );
  t.end();
});
