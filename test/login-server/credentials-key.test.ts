import t from 'tap';
import { tokenExpiry } from '../../src/login-server/credentials-key.ts';

function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`;
}

t.test('C7 a token says when it expires, however its field is written', (t) => {
  const token = jwt({ exp: 1_700_000_000 });
  for (const field of [`Bearer ${token}`, `bearer ${token}`, `BEARER ${token}`, `Bearer   ${token}`]) {
    t.equal(tokenExpiry(field), 1_700_000_000_000, field.slice(0, 12));
  }
  t.end();
});

t.test('what does not say when it expires', (t) => {
  const unknown = [
    undefined,
    '',
    'Bearer opaque',
    'Bearer a.b',
    'Bearer a.!!.c',
    `Bearer ${jwt({})}`,
    `Bearer ${jwt({ exp: 'soon' })}`,
    `Bearer ${jwt([])}`,
    `Basic ${jwt({ exp: 1 })}`,
  ];
  for (const field of unknown) t.equal(tokenExpiry(field), undefined, field ?? 'none');
  t.end();
});
