import t from 'tap';
import { answersNamespace, canonicalNamespace } from '../../src/endpoints/namespace.ts';
import { loadedRegistry } from '../support/config-file.ts';

t.test('a registry answers its upstream and its namespaces', async (t) => {
  const registry = loadedRegistry({ namespaces: ['old.example:5000'] });
  t.ok(answersNamespace(registry, 'contoso.azurecr.io'));
  t.ok(answersNamespace(registry, 'CONTOSO.azurecr.io:443'));
  t.ok(answersNamespace(registry, 'old.example:5000'));
  t.notOk(answersNamespace(registry, 'old.example'));
  t.notOk(answersNamespace(registry, 'docker.io'));
  t.notOk(answersNamespace(registry, ''));
  t.notOk(answersNamespace(registry, 'contoso.azurecr.io/x'));
});

t.test('Docker Hub has three names', async (t) => {
  const hub = loadedRegistry({ upstream: { url: 'https://registry-1.docker.io' } });
  for (const ns of ['docker.io', 'registry-1.docker.io', 'index.docker.io']) {
    t.ok(answersNamespace(hub, ns), ns);
    t.equal(canonicalNamespace(ns), 'docker.io');
  }
  t.notOk(answersNamespace(hub, 'evil-docker.io'));
});
