import t from 'tap';
import { configFile, problemLines } from '../support/config-file.ts';

function lines(upstream: Record<string, unknown>): readonly string[] {
  return problemLines(configFile({ upstream: { url: 'https://contoso.azurecr.io', ...upstream } }));
}

t.test('the url is an origin', async (t) => {
  t.same(lines({ url: 'https://contoso.azurecr.io/' }), []);
  t.same(lines({ url: 'http://registry.internal:5000' }), []);
  t.match(lines({ url: 'https://host.example/artifactory' }), [
    /url: has more than a scheme and a host; write https:\/\/host\.example: a registry's API stands at \/v2\//,
  ]);
  t.match(lines({ url: 'contoso.azurecr.io' }), [/url: is not an http or https URL; write it like https:/]);
  t.match(lines({ url: 'ftp://contoso.azurecr.io' }), [/is not an http or https URL/]);
});

t.test('a password is refused, and not repeated', async (t) => {
  for (const upstream of [
    { url: 'https://user:s3cret@contoso.azurecr.io' },
    { proxy: 'http://user:s3cret@proxy.example:3128' },
  ]) {
    const [line, ...others] = lines(upstream);
    t.match(line, /contains a user name or password; take the part before @ away/);
    t.same(others, []);
    t.notMatch(line, /s3cret/);
  }
});

t.test('a literal address must be allowed', async (t) => {
  t.match(lines({ url: 'http://127.0.0.1:5000' }), [
    /127\.0\.0\.1 is a private address that allowedPrivateAddresses does not cover; add "127\.0\.0\.1\/32"/,
  ]);
  t.match(lines({ url: 'http://localhost:5000' }), [
    /localhost is a private address.*add "127\.0\.0\.1\/32"/,
  ]);
  t.match(lines({ url: 'https://[fd00::1]' }), [/add "fd00::1\/128"/]);
  t.same(lines({ url: 'http://127.0.0.1:5000', allowedPrivateAddresses: ['127.0.0.0/8'] }), []);
  t.match(lines({ url: 'http://127.0.0.1:5000', allowedPrivateAddresses: ['no'] }), [
    /is a private address/,
    /allowedPrivateAddresses\[0\]: "no" is not a CIDR/,
  ]);
});

t.test('token hosts, proxy, credentials', async (t) => {
  t.match(lines({ tokenHosts: ['https://auth.docker.io', 'auth.docker.io'] }), [
    /tokenHosts\[0\]: ".*" is not a host/,
  ]);
  t.match(lines({ proxy: 'socks://x.example' }), [
    /proxy: is not an http or https URL; .*proxy\.example:3128/,
  ]);
  const clients = { anonymous: true };
  const auth = (value: unknown) =>
    problemLines(configFile({ clients, upstream: { url: 'https://a.example', auth: value } }));
  t.match(auth({}), [/auth: names no credentials; keep exactly one of file, exec, azureWorkloadIdentity/]);
  t.match(auth({ file: 'x', exec: { command: ['y'] } }), [
    /auth: names file and exec; keep exactly one of file, exec, azure/,
  ]);
  t.match(auth({ exec: { command: [] } }), [/auth\.exec\.command: has no entries/]);
  t.same(auth({ exec: { command: ['docker-credential-x'] } }), []);

  t.same(auth({ azureWorkloadIdentity: {} }), []);
  t.same(auth({ azureManagedIdentity: { clientId: 'x' } }), []);
  t.same(auth({ awsEcr: { region: 'eu-west-1', registryId: '123456789012' } }), []);
  t.match(auth({ awsEcr: {} }), [/auth\.awsEcr\.?r?e?g?i?o?n?: .*required|region/]);
  t.match(auth({ awsEcr: { region: 'EU West' } }), [/auth\.awsEcr\.region: /]);
  t.match(auth({ azureWorkloadIdentity: { authority: 'http://login.example' } }), [
    /azureWorkloadIdentity\.authority: is not the origin of an https URL; write it like https:\/\/login\.microsoftonline\.com/,
  ]);
  t.same(auth({ azureWorkloadIdentity: { authority: 'https://login.microsoftonline.us/' } }), []);
  t.match(
    problemLines(configFile({ upstream: { url: 'https://a.example', auth: { azureWorkloadIdentity: {} } } })),
    [/would let in everybody who reaches a listener; add clients/],
  );
});
