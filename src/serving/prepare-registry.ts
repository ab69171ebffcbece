import { isDeepStrictEqual } from 'node:util';
import type { RegistryConfig, UpstreamAuth } from '../config/config.ts';
import { type ClientPolicy, createClientPolicy } from '../policy/client-policy.ts';
import { createNetworkRules, type NetworkRules } from '../policy/network-rules.ts';
import type { SharedState } from '../state/shared-state.ts';
import type { StateSeal } from '../ticket/state-seal.ts';
import { checkCredentialsFile } from '../upstream/credentials-file.ts';
import type { UpstreamRegistry } from '../upstream/upstream-registry.ts';
import { connectedBy, type DoorParts, decidedBy, type SharedSettings } from './door-parts.ts';
import type { Lease } from './lease.ts';
import type { Doors, OpenDoors } from './open-doors.ts';
import type { OpenUpstreamDeps } from './open-upstream.ts';
import type { ReloadOutcome, ReloadRecord } from './reload-record.ts';
import { createUpstreamConnection, type UpstreamConnection } from './upstream-connection.ts';
import { createUpstreamQueues } from './upstream-queues.ts';

/** One registry of a configuration, checked. What answers for it is made when somebody asks. */
export type PreparedRegistry = {
  readonly parts: DoorParts;
  readonly connection: UpstreamConnection;
  /** Made by whoever asks first, and without `doors`: these are not for whom it keeps out. */
  readonly networkRules: NetworkRules;
  /** Made by whoever asks first. */
  readonly doors: Doors;
};

export type PrepareRegistryDeps = Omit<OpenUpstreamDeps, 'queues'> & {
  readonly openDoors: OpenDoors;
  readonly record: ReloadRecord;
  /** What replicas share. */
  readonly state: SharedState;
  readonly seal: StateSeal;
};

/** What holds for all registries of one configuration. */
export type Preparation = {
  readonly settings: SharedSettings;
  /** The file's text, read once for however many registries name it. @throws AuthoritiesError */
  readonly readAuthorities: (path: string) => string;
  readonly onClosed: (upstream: Lease<UpstreamRegistry>) => void;
  /** What becomes of `upstream.caFile` once this is in force. Told before that, since another registry's may fail. */
  readonly onAuthorities: (outcome: ReloadOutcome) => void;
};

/** @param before the registry as it is in force: kept where nothing has changed, and connections and decisions where they still fit */
export type PrepareRegistry = (
  registry: RegistryConfig,
  before: PreparedRegistry | undefined,
  preparation: Preparation,
) => PreparedRegistry;

/** The function returned throws AuthoritiesError, CredentialsFileError or HtpasswdFileError. */
export function createPrepareRegistry(deps: PrepareRegistryDeps): PrepareRegistry {
  const { openDoors, state, seal } = deps;
  const queues = createUpstreamQueues(deps.metrics, state.kind === 'process' ? undefined : { state, seal });
  let scopes = 0;

  /** A file that can not be used any more leaves what it said in force, as long as it is the same file. */
  function takeAuthorities(
    caFile: string | null,
    before: DoorParts | undefined,
    { readAuthorities, onAuthorities }: Preparation,
  ): string | undefined {
    const isSameFile = before?.registry.upstream.caFile === caFile;
    let authorities: string | undefined;
    try {
      authorities = caFile === null ? undefined : readAuthorities(caFile);
    } catch (error) {
      if (!isSameFile) throw error;
      onAuthorities({ result: 'rejected', reason: messageOf(error) });
      return before.authorities;
    }
    onAuthorities({ result: authorities === before?.authorities ? 'unchanged' : 'applied' });
    return authorities;
  }

  function openClients(registry: RegistryConfig, before: DoorParts | undefined): ClientPolicy | undefined {
    if (registry.clients === null) return undefined;
    // Of the same policy the passwords that were verified, and the failures, are remembered.
    if (isDeepStrictEqual(before?.registry.clients, registry.clients)) {
      void before?.clients?.refresh();
      return before?.clients;
    }
    return createClientPolicy(registry.clients, {
      log: deps.log,
      onChange: (reason) =>
        deps.record.note(
          'passwords',
          reason === undefined ? { result: 'applied' } : { result: 'rejected', reason },
          registry.name,
        ),
    });
  }

  return (registry, before, preparation) => {
    const { settings } = preparation;
    checkCredentials(registry, before?.parts.registry);
    const authorities = takeAuthorities(registry.upstream.caFile, before?.parts, preparation);
    const clients = openClients(registry, before?.parts);
    const dependencies = { registry, settings, authorities };
    if (before !== undefined && isSame(before.parts, dependencies)) return before;
    const connection =
      before && isDeepStrictEqual(connectedBy(before.parts), connectedBy(dependencies))
        ? before.connection
        : createUpstreamConnection(registry, settings, authorities, {
            ...deps,
            queues,
            onClosed: preparation.onClosed,
          });
    const decisionScope =
      before && isDeepStrictEqual(decidedBy(before.parts), decidedBy(dependencies))
        ? before.parts.decisionScope
        : `${registry.name} ${(scopes += 1)}`;
    const parts: DoorParts = { ...dependencies, clients, decisionScope, upstream: connection.upstream };
    let networkRules: NetworkRules | undefined;
    let doors: Doors | undefined;
    return {
      parts,
      connection,
      get networkRules() {
        networkRules ??= createNetworkRules(registry);
        return networkRules;
      },
      get doors() {
        doors ??= openDoors(parts);
        return doors;
      },
    };
  };
}

function isSame(
  before: DoorParts,
  { registry, settings, authorities }: Pick<DoorParts, 'registry' | 'settings' | 'authorities'>,
): boolean {
  return before.registry === registry && before.settings === settings && before.authorities === authorities;
}

/** Later the file is read for each token: one that is gone for a while is no reason to keep a change back. */
function checkCredentials(registry: RegistryConfig, before: RegistryConfig | undefined): void {
  if (registry === before) return;
  const known = before === undefined ? [] : credentialsOf(before);
  for (const auth of credentialsOf(registry)) {
    if (auth.kind === 'file' && !known.some((one) => isDeepStrictEqual(one, auth))) {
      checkCredentialsFile(auth.file);
    }
  }
}

function credentialsOf({ upstream, regions }: RegistryConfig): readonly UpstreamAuth[] {
  const all = [upstream.auth, ...regions.map((region) => region.upstream?.auth ?? null)];
  return all.filter((auth) => auth !== null);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}
