import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { PRESET_NAMES } from '../../src/config/presets.ts';
import { showEndpoints } from '../../src/endpoints/endpoints.ts';
import { blocksOf, readDocument } from './documents.ts';

const text = readDocument('docs/upstreams.md');
const sections = text.split(/^## /m).slice(1);

t.test('docs/upstreams.md has a section for each preset', async (t) => {
  const presets = sections.map((section) => /preset: (\w+)/.exec(section)?.[1] ?? 'none');
  t.strictSame(presets.toSorted(), [...PRESET_NAMES].toSorted());
});

for (const section of sections) {
  const [title = ''] = section.split('\n');
  t.test(`${title}: the configuration is whole and right`, async (t) => {
    const [yaml = '', ...more] = blocksOf(section, 'yaml');
    t.equal(more.length, 0, 'one configuration');
    const loaded = loadConfig({ text: yaml, fileName: '/etc/berth/berth.yaml', env: {} });
    if (loaded.kind !== 'ok') return t.fail(JSON.stringify(loaded.problems));
    const [registry] = loaded.config.registries;
    if (registry === undefined) return t.fail('no registry');
    t.equal(registry.delivery, 'dedicated');
    const { loginServer, dataEndpoints } = showEndpoints(registry);
    t.match(loginServer, /^[a-z]+\.registry\.example$/);
    t.ok(
      dataEndpoints.length > 0 &&
        dataEndpoints.every(({ endpoint }) => endpoint.endsWith('.data.registry.example')),
    );
    return undefined;
  });
}
