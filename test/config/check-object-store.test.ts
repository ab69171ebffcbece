import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { configFile, problemLines } from '../support/config-file.ts';

const azure = { kind: 'azure-blob', url: 'https://contoso.blob.core.windows.net/blobs' };
const file = (store: unknown, directory: string | null = '/var/cache/berth') => ({
  ...configFile({}),
  cache: { directory, store },
});
const lines = (store: unknown): readonly string[] => problemLines(file(store));

t.test('what is right', async (t) => {
  const emulator = { kind: 'azure-blob', url: 'http://127.0.0.1:10000/account/blobs' };
  const s3 = { kind: 's3', bucket: 'berth' };
  for (const store of [null, azure, emulator, s3, { ...s3, url: 'https://s3.internal:9000', region: 'eu' }]) {
    t.same(lines(store), []);
  }
  const result = loadConfig({ text: JSON.stringify(file(s3)), fileName: '/etc/berth/berth.yaml', env: {} });
  t.match(result, {
    config: { cache: { store: { kind: 's3', bucket: 'berth', region: 'us-east-1', url: null } } },
  });
});

t.test('what is missing or belongs to the other kind', async (t) => {
  t.match(problemLines(file(azure, null)), [/cache\.store: is of no use without cache\.directory/]);
  t.match(lines({ kind: 'azure-blob' }), [/cache\.store\.url: is missing; write https:\/\/<account>/]);
  t.match(lines({ kind: 's3' }), [/cache\.store\.bucket: is missing/]);
  t.match(lines({ ...azure, bucket: 'x' }), [/cache\.store\.bucket: is for s3/]);
  t.match(lines({}), [/cache\.store\.kind: is missing/]);
});

t.test('a signature in the URL is refused and not repeated; and what is no place for blobs', async (t) => {
  const [line, ...others] = lines({ ...azure, url: `${azure.url}?sv=1&sig=s3cret` });
  t.match(line, /has more than host and path; put a signature or a key into a file/);
  t.notMatch(line, /s3cret/);
  t.same(others, []);
  t.match(lines({ ...azure, url: 'https://contoso.blob.core.windows.net' }), [/has the wrong path/]);
  t.match(lines({ kind: 's3', bucket: 'b', url: 'https://s3.internal/b' }), [/has the wrong path/]);
  t.match(lines({ ...azure, url: 'http://contoso.example/blobs' }), [/is plain http/]);
  t.match(lines({ ...azure, url: 'blobs' }), [/is not a URL/]);
});
