import t from 'tap';
import { createHostTable } from '../../src/endpoints/host-table.ts';
import { loadedRegistry } from '../support/config-file.ts';

t.test('a host stands for a registry and a door', async (t) => {
  const registry = loadedRegistry({ aliases: ['images.example:8443'] });
  const table = createHostTable([registry]);
  t.same(table.find('contoso.registry.example'), { door: 'login_server', registry });
  t.same(table.find('images.example:8443'), { door: 'login_server', registry });
  const host = 'contoso.westus.data.registry.example';
  t.same(table.find(host), { door: 'data_endpoint', registry, region: 'westus', host });
  t.equal(table.find('contoso.northus.data.registry.example'), undefined);
  t.equal(table.find('images.example'), undefined, 'another port is another host');
});

t.test('the own port of the scheme may be written out', async (t) => {
  const registry = loadedRegistry();
  const table = createHostTable([registry]);
  t.match(table.find('contoso.registry.example:443'), { door: 'login_server' });
  t.match(table.find('contoso.eastus.data.registry.example:443'), {
    door: 'data_endpoint',
    host: 'contoso.eastus.data.registry.example',
  });
  t.equal(table.find('contoso.registry.example:80'), undefined);
  const plain = loadedRegistry({ loginServer: '[::1]', scheme: 'http', delivery: 'inline' });
  t.match(createHostTable([plain]).find('[::1]:80'), { door: 'login_server' });
});

t.test('only registries with data endpoints have that door', async (t) => {
  const inline = createHostTable([loadedRegistry({ delivery: 'inline' })]);
  t.equal(inline.find('contoso.eastus.data.registry.example'), undefined);
  const passthrough = createHostTable([loadedRegistry({ delivery: 'passthrough' })]);
  t.match(passthrough.find('contoso.eastus.data.registry.example'), { door: 'data_endpoint' });
});
