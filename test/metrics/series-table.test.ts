import t from 'tap';
import { createSeriesTable } from '../../src/metrics/series-table.ts';

t.test('one series for each combination of the labels that the metric has', (t) => {
  const table = createSeriesTable<Record<string, string>, { readonly labels: Record<string, string> }>(
    ['door', 'code'],
    (labels) => ({ labels }),
  );
  const first = table.of({ door: 'a', code: '200' });
  t.equal(
    table.of({ code: '200', door: 'a', method: 'GET' }),
    first,
    'in any order, and with labels of others',
  );
  t.not(table.of({ door: 'b', code: '200' }), first);
  t.not(table.of({ door: 'a', code: '404' }), first);
  t.strictSame(
    table.list.map(({ labels }) => labels),
    [
      { door: 'a', code: '200' },
      { door: 'b', code: '200' },
      { door: 'a', code: '404' },
    ],
  );
  t.end();
});

t.test('labels that are given are copied, without those of others', (t) => {
  const table = createSeriesTable<Record<string, string>, { readonly labels: Record<string, string> }>(
    ['door'],
    (labels) => ({ labels }),
  );
  const given = { door: 'a', method: 'GET' };
  const { labels } = table.of(given);
  given.door = 'b';
  t.strictSame(labels, { door: 'a' });
  t.end();
});

t.test('without labels there is one', (t) => {
  const table = createSeriesTable<Record<string, string>, object>([], () => ({}));
  t.equal(table.of({}), table.of({ door: 'a' }));
  t.equal(table.list.length, 1);
  t.end();
});
