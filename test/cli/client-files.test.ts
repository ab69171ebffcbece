import t from 'tap';
import { buildkitFiles } from '../../src/cli/buildkit-files.ts';
import type { ClientFiles } from '../../src/cli/client-file.ts';
import { containerdFiles } from '../../src/cli/containerd-files.ts';
import { crioFiles } from '../../src/cli/crio-files.ts';
import { dockerFiles } from '../../src/cli/docker-files.ts';
import { podmanFiles } from '../../src/cli/podman-files.ts';
import { loadedRegistry } from '../support/config-file.ts';

const CA = '-----BEGIN CERTIFICATE-----\n';
const cloud = loadedRegistry({ namespaces: ['old.example:5000'], push: false });
const sidecar = loadedRegistry({
  name: 'hub',
  loginServer: 'localhost:5000',
  aliases: ['127.0.0.1:5000'],
  scheme: 'http',
  delivery: 'inline',
  upstream: { url: 'https://registry-1.docker.io' },
});

function asRecord({ files }: ClientFiles): Record<string, string> {
  return Object.fromEntries(files.map(({ path, content }) => [path, content]));
}

t.test('docker: the authority alone, where the image name says the rest', async (t) => {
  const result = dockerFiles({ registry: cloud, ca: CA, fallback: false });
  t.same(asRecord(result), { '/etc/docker/certs.d/contoso.registry.example/ca.crt': CA });
  t.match(result.notes, [
    /instead of contoso\.azurecr\.io, old\.example:5000, write contoso\.registry\.example/,
  ]);
  const without = dockerFiles({ registry: cloud, ca: undefined, fallback: false });
  t.same(without.files, []);
  t.match(without.notes[0], /docker needs no file/);
});

t.test('docker: a mirror of Docker Hub', async (t) => {
  const result = dockerFiles({ registry: sidecar, ca: CA, fallback: false });
  const [path, content] = Object.entries(asRecord(result))[0] ?? [];
  t.equal(path, '/etc/docker/daemon.json');
  t.same(JSON.parse(content ?? ''), {
    'registry-mirrors': ['http://localhost:5000'],
    'insecure-registries': ['localhost:5000', '127.0.0.1:5000'],
  });
  t.equal(result.files.length, 1, 'plain http needs no authority');
  t.match(result.notes, [/merge daemon\.json/, /asks Docker Hub itself/]);
});

t.test('containerd: a directory per host', async (t) => {
  const files = asRecord(containerdFiles({ registry: cloud, ca: CA, fallback: false }));
  const directory = '/etc/containerd/certs.d';
  const toml = [
    'server = "https://contoso.registry.example"',
    'capabilities = ["pull", "resolve"]',
    'ca = "ca.crt"',
    '',
    '[host."https://contoso.registry.example"]',
    '  capabilities = ["pull", "resolve"]',
    '  ca = "ca.crt"',
    '',
  ].join('\n');
  t.same(files, {
    [`${directory}/contoso.registry.example/hosts.toml`]: toml,
    [`${directory}/contoso.registry.example/ca.crt`]: CA,
    [`${directory}/contoso.azurecr.io/hosts.toml`]: toml,
    [`${directory}/contoso.azurecr.io/ca.crt`]: CA,
    [`${directory}/old.example_5000_/hosts.toml`]: toml,
    [`${directory}/old.example_5000_/ca.crt`]: CA,
  });
});

t.test('containerd: push to the login server alone, fallback to the source', async (t) => {
  const files = asRecord(containerdFiles({ registry: sidecar, ca: undefined, fallback: true }));
  t.match(
    files['/etc/containerd/certs.d/localhost_5000_/hosts.toml'],
    /capabilities = \["pull", "resolve", "push"\]/,
  );
  t.equal(
    files['/etc/containerd/certs.d/docker.io/hosts.toml'],
    'server = "https://registry-1.docker.io"\n\n[host."http://localhost:5000"]\n  capabilities = ["pull", "resolve"]\n',
  );
  const other = asRecord(containerdFiles({ registry: cloud, ca: undefined, fallback: true }));
  t.match(
    other['/etc/containerd/certs.d/old.example_5000_/hosts.toml'],
    /^server = "https:\/\/old\.example:5000"\n/,
  );
  t.match(
    other['/etc/containerd/certs.d/contoso.azurecr.io/hosts.toml'],
    /^server = "https:\/\/contoso\.azurecr\.io"\n/,
  );
});

t.test('podman: the source is asked through Berth', async (t) => {
  t.same(asRecord(podmanFiles({ registry: cloud, ca: CA, fallback: false })), {
    '/etc/containers/registries.conf.d/50-berth-contoso.conf': [
      '[[registry]]\nprefix = "contoso.azurecr.io"\nlocation = "contoso.registry.example"\n',
      '[[registry]]\nprefix = "old.example:5000"\nlocation = "contoso.registry.example"\n',
    ].join('\n'),
    '/etc/containers/certs.d/contoso.registry.example/ca.crt': CA,
  });
});

t.test('podman: http is said, and a mirror where the source may be asked', async (t) => {
  const [file] = podmanFiles({ registry: sidecar, ca: CA, fallback: true }).files;
  t.equal(
    file?.content,
    [
      '[[registry]]\nprefix = "localhost:5000"\nlocation = "localhost:5000"\ninsecure = true\n',
      '[[registry]]\nprefix = "127.0.0.1:5000"\nlocation = "127.0.0.1:5000"\ninsecure = true\n',
      '[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n',
      '[[registry.mirror]]\nlocation = "localhost:5000"\ninsecure = true\n',
    ].join('\n'),
  );
});

t.test('buildkit: mirrors for every source, the authority for the login server', async (t) => {
  const result = buildkitFiles({ registry: cloud, ca: CA, fallback: false });
  t.same(asRecord(result), {
    '/etc/buildkit/buildkitd.toml': [
      '[registry."contoso.azurecr.io"]\n  mirrors = ["contoso.registry.example"]\n',
      '[registry."old.example:5000"]\n  mirrors = ["contoso.registry.example"]\n',
      '[registry."contoso.registry.example"]\n  ca = ["/etc/buildkit/berth-contoso.crt"]\n',
    ].join('\n'),
    '/etc/buildkit/berth-contoso.crt': CA,
  });
  t.match(result.notes, [
    /restart buildkitd/,
    /--registry-auth-tlscontext host=contoso\.registry\.example/,
    /asks contoso\.azurecr\.io, old\.example:5000 itself when the mirror/,
  ]);
  const plain = buildkitFiles({ registry: sidecar, ca: CA, fallback: true });
  t.same(asRecord(plain), {
    '/etc/buildkit/buildkitd.toml': [
      '[registry."docker.io"]\n  mirrors = ["localhost:5000"]\n',
      '[registry."localhost:5000"]\n  http = true\n',
      '[registry."127.0.0.1:5000"]\n  http = true\n',
    ].join('\n'),
  });
  t.equal(plain.notes.length, 1);
});

t.test("CRI-O: podman's files, and what CRI-O does with them", async (t) => {
  const input = { registry: cloud, ca: CA, fallback: false };
  const result = crioFiles(input);
  t.same(result.files, podmanFiles(input).files);
  t.match(result.notes, [/SIGHUP/, /crio\.conf stays as it is/]);
});

t.test('a registry that stands for nothing but itself needs no file', async (t) => {
  const alone = {
    registry: loadedRegistry({
      loginServer: 'contoso.azurecr.io',
      dataEndpoint: '{registry}.{region}.data.x.example',
    }),
    ca: undefined,
    fallback: false,
  };
  t.same(buildkitFiles(alone), { files: [], notes: ['buildkit needs no file'] });
  t.same(crioFiles(alone), { files: [], notes: ['CRI-O needs no file'] });
});
