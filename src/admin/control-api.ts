import type { BlobStore } from '../cache/blob-store.ts';
import type { RegistryConfig } from '../config/config.ts';
import type { Migration } from '../endpoints/migration.ts';
import { migrationReport } from '../endpoints/migration-report.ts';
import { regionsDocument, type WatchedRegion } from '../endpoints/regions-document.ts';
import { registryDocument } from '../endpoints/registry-document.ts';
import type { Settings } from '../endpoints/settings.ts';
import { createCacheApi } from './cache-api.ts';
import { type ControlAnswer, type ControlHandler, refusal } from './control-server.ts';

export type ControlApiDeps = {
  /** Those of the configuration in force. */
  readonly registries: () => readonly RegistryConfig[];
  readonly settings: Settings;
  readonly migration: Migration;
  /** What is known of a registry's regions; undefined: it has one upstream alone. */
  readonly watchedRegions?: (registry: RegistryConfig) => readonly WatchedRegion[] | undefined;
  /** The cache on disk; left out: there is none. */
  readonly cache?: BlobStore;
  /** Unix milliseconds. */
  readonly now: () => number;
};

type Resource = (registry: RegistryConfig, body: unknown) => ControlAnswer | Promise<ControlAnswer>;

/**
 * Version 1 of what the commands ask:
 *
 * - `GET /v1/registries/<name>`: the registry as it is in force
 * - `PATCH /v1/registries/<name>` with `{"dataEndpointEnabled": true|false}`: the registry after the change
 * - `GET /v1/registries/<name>/migration`: the migration report
 * - `GET /v1/registries/<name>/regions`: what is known of its regions
 * - `/v1/cache…`: see `createCacheApi`
 *
 * Errors are `{"error": {"code", "message"}}`. A change that breaks a client gets another version.
 */
export function createControlApi(deps: ControlApiDeps): ControlHandler {
  const { registries, settings, migration, now } = deps;

  const registryResource: Readonly<Record<string, Resource>> = {
    GET: (registry) => ({ status: 200, document: registryDocument(registry, settings.stateOf(registry)) }),
    PATCH: async (registry, body) => {
      const enabled = parseUpdate(body);
      if (enabled === undefined) {
        return refusal(400, 'malformed', 'the body must be {"dataEndpointEnabled": true} or false');
      }
      const result = await settings.update(registry, enabled);
      if (result.kind === 'refused') return refusal(409, 'refused', result.reason);
      return { status: 200, document: registryDocument(registry, result.state) };
    },
  };
  const migrationResource: Readonly<Record<string, Resource>> = {
    GET: (registry) => {
      const { name } = registry;
      const report = migrationReport(registry, settings.stateOf(registry), migration.counts(name), now());
      return { status: 200, document: report };
    },
  };

  const regionsResource: Readonly<Record<string, Resource>> = {
    GET: (registry) => ({
      status: 200,
      document: regionsDocument(registry, deps.watchedRegions?.(registry)),
    }),
  };
  const resources: Readonly<Record<string, Readonly<Record<string, Resource>>>> = {
    '': registryResource,
    '/migration': migrationResource,
    '/regions': regionsResource,
  };

  const cacheApi = createCacheApi(deps.cache);

  return async (request) => {
    const { method, path, body } = request;
    if (/^\/v1\/cache(?:[/?]|$)/.test(path)) return cacheApi(request);
    const [, name, kind = ''] =
      /^\/v1\/registries\/([a-z0-9-]{1,63})(\/migration|\/regions)?$/.exec(path) ?? [];
    if (name === undefined) return refusal(404, 'unknown_path', 'this Berth has no such control request');
    const registry = registries().find((candidate) => candidate.name === name);
    if (registry === undefined) {
      const names = registries()
        .map((known) => known.name)
        .join(', ');
      return refusal(404, 'unknown_registry', `this Berth has no registry ${name}: it has ${names}`);
    }
    const resource = resources[kind]?.[method];
    if (resource === undefined) return refusal(405, 'method_not_allowed', `${method} is not known here`);
    return resource(registry, body);
  };
}

/** Strict: a misspelt field must not look as if it had been set. */
function parseUpdate(body: unknown): boolean | undefined {
  if (typeof body !== 'object' || body === null || !('dataEndpointEnabled' in body)) return undefined;
  if (Object.keys(body).length !== 1) return undefined;
  const { dataEndpointEnabled } = body;
  return typeof dataEndpointEnabled === 'boolean' ? dataEndpointEnabled : undefined;
}
