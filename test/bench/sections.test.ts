import tap from 'tap';

import { parseOptions } from '../../bench/options.ts';
import { chooseSections, SECTIONS } from '../../bench/sections.ts';

await tap.test('every section has a name and a title of its own', async (t) => {
  for (const key of ['name', 'title'] as const) {
    const values = SECTIONS.map((section) => section[key]);
    t.same(values, [...new Set(values)], key);
    t.notOk(values.includes(''), key);
  }
});

await tap.test('every case of the benchmark can be run alone', async (t) => {
  const names = [
    'cold-client',
    'cold-clients',
    'herd',
    'cold-fill',
    'held-upstream',
    'first-byte',
    'open-ranges',
    'warm',
    'slow-readers',
    'docker-pull',
    'start',
    'sidecar',
    'streaming',
    'streaming-tls',
    'slow-clients',
    'manifest',
    'token',
    'redirect',
    'micro',
    'instructions',
    'workers',
    'growth-registries',
    'growth-blobs',
    'growth-connections',
    'network-rules',
  ];
  for (const name of names) {
    const { sections } = parseOptions([name, '--rounds', '1', '--no-output']);
    t.same(
      chooseSections(sections).map((section) => section.name),
      [name],
    );
  }
});

await tap.test('sections come in the order of the document, all where none is named', async (t) => {
  t.same(
    chooseSections(['micro', 'herd']).map(({ name }) => name),
    ['herd', 'micro'],
  );
  t.equal(chooseSections([]), SECTIONS);
  t.throws(() => chooseSections(['herds']), { message: /no section is named herds; there are .*herd/ });
});
