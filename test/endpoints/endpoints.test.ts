import t from 'tap';
import { dataEndpointHost, regionForHost, showEndpoints } from '../../src/endpoints/endpoints.ts';
import { loadedRegistry } from '../support/config-file.ts';

t.test('the data endpoint of a region is a canonical host', async (t) => {
  t.equal(dataEndpointHost(loadedRegistry(), 'eastus'), 'contoso.eastus.data.registry.example');
  const registry = loadedRegistry({ dataEndpoint: '{registry}.{region}.Data.registry.example:443' });
  t.equal(dataEndpointHost(registry, 'westus'), 'contoso.westus.data.registry.example');
  const other = loadedRegistry({ dataEndpoint: '{region}-{registry}.data.registry.example:8443' });
  t.equal(dataEndpointHost(other, 'westus'), 'westus-contoso.data.registry.example:8443');
});

t.test('a registry without data endpoints has none to give', async (t) => {
  const registry = loadedRegistry({ delivery: 'inline' });
  t.throws(() => dataEndpointHost(registry, 'eastus'), { message: /registry contoso has no dataEndpoint/ });
  t.throws(() => dataEndpointHost({ ...registry, dataEndpoint: 'a b' }, 'eastus'), { message: /not a host/ });
});

t.test('the region of a storage host', async (t) => {
  const registry = loadedRegistry();
  t.same(regionForHost(registry, 'eusreplstore28.blob.core.windows.net'), { name: 'eastus', matched: true });
  t.same(regionForHost(registry, 'eusreplstore28.blob.core.windows.net:10000'), {
    name: 'eastus',
    matched: true,
  });
  t.same(regionForHost(registry, 'wusreplstore1.blob.core.windows.net'), { name: 'eastus', matched: false });
  const local = loadedRegistry({
    regions: [
      { name: 'a', match: ['127.0.0.1:1'] },
      { name: 'b', match: ['127.0.0.1:2'] },
    ],
  });
  t.same(regionForHost(local, '127.0.0.1:2'), { name: 'b', matched: true }, 'a port of the pattern counts');
  t.throws(() => regionForHost({ ...registry, regions: [] }, 'x.example'), { message: /no regions/ });
});

t.test('show-endpoints has the shape of ACR', async (t) => {
  t.same(showEndpoints(loadedRegistry()), {
    loginServer: 'contoso.registry.example',
    dataEndpoints: [
      { region: 'eastus', endpoint: 'contoso.eastus.data.registry.example' },
      { region: 'westus', endpoint: 'contoso.westus.data.registry.example' },
    ],
  });
  t.same(showEndpoints(loadedRegistry({ dataEndpointEnabled: false })), {
    loginServer: 'contoso.registry.example',
    dataEndpoints: [
      { region: 'eastus', endpoint: '*.blob.core.windows.net' },
      { region: 'westus', endpoint: '*.blob.core.windows.net' },
    ],
  });
  t.same(showEndpoints(loadedRegistry({ delivery: 'passthrough', regions: [] })).dataEndpoints, [
    { region: '*', endpoint: '*.blob.core.windows.net' },
  ]);
  t.same(showEndpoints(loadedRegistry({ delivery: 'inline' })).dataEndpoints, []);
});
