import t from 'tap';
import { plainUpstreams } from '../../src/cli/plain-upstreams.ts';
import { formatPath } from '../../src/config/problem.ts';
import { configFile, loaded } from '../support/config-file.ts';

/** Paths of what is warned of. */
function warned(upstream: Record<string, unknown>, registry: Record<string, unknown> = {}): string[] {
  return plainUpstreams(loaded(configFile({ upstream, ...registry }))).map(({ path }) => formatPath(path));
}

t.test('plain HTTP is warned of where it leaves the machine and its private networks', async (t) => {
  const url = 'registries[0].upstream.url';
  t.same(warned({ url: 'http://registry.example' }), [url]);
  t.same(warned({ url: 'http://registry.example:5000' }), [url]);
  t.same(warned({ url: 'http://8.8.8.8:5000' }), [url]);
  t.same(warned({ url: 'http://[2620:fe::fe]:5000' }), [url]);
  t.same(
    warned({ url: 'http://8.8.8.8', allowedPrivateAddresses: ['10.0.0.0/8'] }),
    [url],
    'an address is public whatever else is allowed',
  );
  t.same(warned({ url: 'https://registry.example' }), []);
  t.same(
    warned({ url: 'http://registry.corp.example', allowedPrivateAddresses: ['10.0.0.0/8'] }),
    [],
    'the name may lead to the network that is named',
  );
  for (const host of ['127.0.0.1', '10.1.2.3', '[::1]', '[fd00::1]', 'localhost', 'registry.localhost']) {
    const allowedPrivateAddresses = ['127.0.0.0/8', '10.0.0.0/8', '::1', 'fd00::/8'];
    t.same(warned({ url: `http://${host}:5000`, allowedPrivateAddresses }), [], host);
  }
});

t.test("a region's upstream is looked at, too", async (t) => {
  const regions = [{ name: 'eastus' }, { name: 'westus', upstream: { url: 'http://8.8.8.8:5000' } }];
  const home = { url: 'http://10.1.2.3:5000', allowedPrivateAddresses: ['10.0.0.0/8'] };
  t.same(warned(home, { regions, homeRegion: 'eastus' }), ['registries[0].regions[1].upstream.url']);
});
