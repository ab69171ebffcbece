import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readAuthorities } from '../../src/upstream/authorities.ts';
import { createTestAuthority } from '../support/ca.ts';

t.test('certificates are taken as they are, one or several', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  t.equal(readAuthorities(authority.caFile), authority.cert);
  const both = join(t.testdir({}), 'both.pem');
  writeFileSync(both, `# ours\n${authority.cert}\n${authority.cert}`);
  t.equal(readAuthorities(both).match(/BEGIN/g)?.length, 2);
});

t.test('what OpenSSL would pass over is refused, with the file', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const directory = t.testdir({});
  const rows: readonly (readonly [string, RegExp])[] = [
    ['', /no PEM certificates, or were cut/],
    ['not PEM', /no PEM certificates, or were cut/],
    [authority.cert.slice(0, -100), /were cut/],
    [`${authority.cert}\n${authority.cert.slice(0, 200)}`, /were cut/],
    ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', /certificate 1 can not be read/],
  ];
  for (const [text, message] of rows) {
    const file = join(directory, 'ca.pem');
    writeFileSync(file, text);
    t.throws(() => readAuthorities(file), { code: 'invalid_authorities', message });
    t.throws(() => readAuthorities(file), { message: new RegExp(file) });
  }
  t.throws(() => readAuthorities(join(directory, 'none.pem')), { message: /ENOENT.*upstream\.caFile/ });
  const long = join(directory, 'long.pem');
  writeFileSync(long, Buffer.alloc(4 * 1024 * 1024 + 1, 'x'));
  t.throws(() => readAuthorities(long), { message: /more than 4 MiB/ });
});
