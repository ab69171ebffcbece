import t from 'tap';
import { findTarget } from '../../../src/cli/warm/find-target.ts';
import { configFile, loaded } from '../../support/config-file.ts';

const config = loaded(configFile({ aliases: ['old.registry.example'], namespaces: ['quay.io'] }));
const origin = 'https://contoso.registry.example';

t.test('by the login server, an alias, what stands behind it, or by name', async (t) => {
  const hosts = ['contoso.registry.example', 'old.registry.example', 'contoso.azurecr.io', 'quay.io'];
  for (const host of hosts) t.equal(findTarget(host, config, undefined), origin, host);
  t.equal(findTarget(undefined, config, undefined), origin);
  t.equal(findTarget(undefined, config, 'contoso'), origin);
  t.throws(
    () => findTarget('ghcr.io', config, undefined),
    /answers for ghcr\.io: there is contoso\.registry/,
  );
  t.throws(() => findTarget(undefined, config, 'other'), /there is no registry "other"/);
});

t.test('without a configuration, as it is', async (t) => {
  t.equal(findTarget('localhost:5000', undefined, undefined), 'http://localhost:5000');
  t.equal(findTarget('127.0.0.1:5000', undefined, undefined), 'http://127.0.0.1:5000');
  t.equal(findTarget('[::1]:5000', undefined, undefined), 'http://[::1]:5000');
  t.equal(findTarget('localhost.example', undefined, undefined), 'https://localhost.example');
  t.throws(() => findTarget(undefined, undefined, undefined), /must begin with the login server/);
  t.throws(() => findTarget('a.b', undefined, 'contoso'), /--config/);
});
