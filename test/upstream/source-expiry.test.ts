import t from 'tap';
import { sourceExpiry } from '../../src/upstream/source-expiry.ts';

const AT = Date.UTC(2023, 11, 27, 16, 59, 11) / 1000;
const policy = (text: string): string =>
  Buffer.from(text).toString('base64').replaceAll('+', '-').replaceAll('=', '_').replaceAll('/', '~');

t.test('every signer says it in its own way', async (t) => {
  const rows: [string, number | undefined][] = [
    ['se=2023-12-27T16%3A59%3A11Z&sig=a&sp=r&spr=https&sr=b&sv=2018-03-28', AT],
    ['sv=2018-03-28&se=2023-12-27T16:59:11.1234567Z', AT],
    ['se=2023-12-27', Date.UTC(2023, 11, 27) / 1000],
    ['se=2023-12-27T16:59Z', AT - 11],
    ['X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20231227T163911Z&X-Amz-Expires=1200', AT],
    ['X-Goog-Date=20231227T163911Z&X-Goog-Expires=1200&X-Goog-Signature=a', AT],
    [`Expires=${AT}&Signature=a&Key-Pair-Id=b`, AT],
    [
      `Policy=${policy(`{"Statement":[{"Condition":{"DateGreaterThan":{"AWS:EpochTime":5},"DateLessThan":{"AWS:EpochTime":${AT}}}}]}`)}&Signature=a`,
      AT,
    ],
    [`se=2023-12-27T16%3A59%3A11Z&expires=${AT - 5}`, AT - 5],
    ['', undefined],
    ['verify=1703696351-abc', undefined],
    ['se=soon', undefined],
    ['se=2023-99-27T16:59:11Z', undefined],
    ['se=', undefined],
    ['X-Amz-Date=20231227T163911Z', undefined],
    ['X-Amz-Date=now&X-Amz-Expires=1200', undefined],
    ['X-Amz-Date=20231227T163911Z&X-Amz-Expires=-5', undefined],
    ['Expires=Wed', undefined],
    ['Expires=99999999999999999999', undefined],
    [`Policy=${policy('{"DateGreaterThan":{"AWS:EpochTime":5}}')}`, undefined],
    ['Policy=%%%', undefined],
  ];
  for (const [query, expected] of rows) {
    t.equal(sourceExpiry(`https://h.example/a//b?${query}`), expected, query);
  }
});

t.test('no query, no URL', async (t) => {
  t.equal(sourceExpiry('https://h.example/a'), undefined);
  t.equal(sourceExpiry('not a url?se=2023-12-27'), undefined);
});
