import tap from 'tap';
import { API_VERSION, HEADERS } from '../../src/oci/headers.ts';

await tap.test('names are lower case, unique, and those of their keys', (t) => {
  const names = Object.values(HEADERS);
  t.equal(new Set(names).size, names.length);
  for (const [key, name] of Object.entries(HEADERS)) {
    t.equal(
      name,
      key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    );
  }
  t.equal(API_VERSION, 'registry/2.0');
  t.end();
});
