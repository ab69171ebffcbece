import { type LoadResult, loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';

/** A whole configuration as an object, to be changed by tests; JSON is YAML. */
export function configFile(registry: Record<string, unknown> = {}, top: Record<string, unknown> = {}) {
  return {
    listeners: [{ port: 443 }],
    ...top,
    registries: [
      {
        name: 'contoso',
        loginServer: 'contoso.registry.example',
        upstream: { url: 'https://contoso.azurecr.io' },
        dataEndpoint: '{registry}.{region}.data.registry.example',
        redirectHosts: ['*.blob.core.windows.net'],
        regions: [{ name: 'eastus', match: ['eus*.blob.core.windows.net'] }, { name: 'westus' }],
        ...registry,
      },
    ],
  };
}

export function loadText(text: string, env: Record<string, string> = {}): LoadResult {
  return loadConfig({ text, fileName: '/etc/berth/berth.yaml', env });
}

/** Lines of the problems of a configuration, without the file's name. */
export function problemLines(file: unknown, env: Record<string, string> = {}): readonly string[] {
  const text = typeof file === 'string' ? file : JSON.stringify(file);
  const result = loadText(text, env);
  if (result.kind === 'ok') return [];
  return result.problems.map((problem) => formatProblem(problem, 'f'));
}

/** The configuration, or a test's end. */
export function loaded(file: unknown, env: Record<string, string> = {}) {
  const result = loadText(JSON.stringify(file), env);
  if (result.kind === 'ok') return result.config;
  throw new Error(result.problems.map((problem) => formatProblem(problem, 'f')).join('\n'));
}

/** The one registry of such a configuration. */
export function loadedRegistry(registry: Record<string, unknown> = {}) {
  const [first] = loaded(configFile(registry)).registries;
  if (first === undefined) throw new Error('no registry');
  return first;
}
