import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Berth, startBerth } from '../berth.ts';
import { HOSTS, SUBNET } from '../hosts-file.ts';
import { waitUntil } from '../process.ts';
import { expectEqual } from '../report.ts';
import type { Answer } from '../upload-image.ts';
import type { World } from '../world.ts';
import { type HostileServer, startHostileServer } from './hostile-server.ts';
import { METADATA_ADDRESS, setTraps, type Traps } from './traps.ts';

export type AuditLine = { readonly reason: string; readonly detail?: string; readonly repository?: string };

/** A Berth whose only registry is hostile: `inline`, so that it goes itself wherever a redirect leads; writable. */
export type HostileScene = {
  readonly berth: Berth;
  readonly server: HostileServer;
  readonly traps: Traps;
  readonly blob: Buffer;
  readonly digest: string;
  send(method: string, path: string, body?: Buffer): Promise<Answer>;
  /** Lines of the audit log since the last call, once there are so many; an answer may be there before its line. */
  takeAudit(count: number): Promise<AuditLine[]>;
  /** Throws if anything came where it must not. */
  expectNothingCaught(): void;
  end(): Promise<void>;
};

const AUDIT_TIMEOUT_MS = 5000;

/** Names that the resolver answers for with addresses that no upstream may have. */
export const TRAP_NAMES = {
  loopback: 'loopback.trap.example',
  metadata: 'metadata.trap.example',
  rebinding: 'rebinding.trap.example',
  any: 'any.trap.example',
} as const;

/**
 * The operator of this one has been careless on purpose: every address that must not be reached is on the list of what may be
 * redirected to, so that the list alone does not save it.
 */
const REDIRECT_HOSTS = [
  '*.trap.example',
  METADATA_ADDRESS,
  '127.0.0.1',
  '0.0.0.0',
  '[::1]',
  '[::ffff:a9fe:a9fe]',
  '[::ffff:7f00:1]',
  '[64:ff9b::a9fe:a9fe]',
];

export async function openHostileScene(world: World): Promise<HostileScene> {
  const directory = join(world.directory, 'hostile');
  await mkdir(directory);
  const ends: (() => Promise<unknown>)[] = [];
  const end = async () => {
    for (const each of ends.splice(0).toReversed()) await each();
  };
  try {
    world.resolver.setAddresses(TRAP_NAMES.loopback, ['127.0.0.1']);
    world.resolver.setAddresses(TRAP_NAMES.metadata, [METADATA_ADDRESS]);
    world.resolver.setAddresses(TRAP_NAMES.any, ['0.0.0.0']);
    const traps = await setTraps();
    ends.push(() => traps.close());
    const server = await startHostileServer(world.authority, Object.values(TRAP_NAMES));
    ends.push(() => server.close());
    const auditFile = join(directory, 'audit.jsonl');
    const berth = await startBerth(world.authority, directory, {
      doors: [HOSTS.hostileLogin],
      metricsPort: 9466,
      config: {
        audit: { file: auditFile },
        // One of the answers never ends and never begins.
        timeouts: { headersSeconds: 3 },
        registries: [
          {
            name: 'hostile',
            loginServer: HOSTS.hostileLogin.name,
            delivery: 'inline',
            publicProbe: false,
            redirectHosts: REDIRECT_HOSTS,
            upstream: {
              url: `https://${HOSTS.hostile.name}`,
              tokenHosts: [METADATA_ADDRESS, TRAP_NAMES.metadata],
              caFile: world.authority.caFile,
              allowedPrivateAddresses: [SUBNET],
            },
          },
        ],
      },
    });
    ends.push(() => berth.daemon.end());
    const blob = Buffer.from('what the registry really has');
    let audited = 0;
    return {
      berth,
      server,
      traps,
      blob,
      digest: `sha256:${createHash('sha256').update(blob).digest('hex')}`,
      send: (method, path, body) =>
        world.http.send(
          method,
          `https://${HOSTS.hostileLogin.name}${path}`,
          body === undefined ? {} : { body },
        ),
      async takeAudit(count) {
        let fresh: string[] = [];
        const written = async () => {
          const lines = (await readFile(auditFile, 'utf8')).split('\n').slice(0, -1);
          fresh = lines.slice(audited);
          return fresh.length >= count;
        };
        await waitUntil(`${count} audit lines`, written, { timeoutMs: AUDIT_TIMEOUT_MS });
        audited += fresh.length;
        return fresh.map((line): AuditLine => JSON.parse(line));
      },
      expectNothingCaught: () => expectEqual(traps.caught(), {}, 'connections where none may be'),
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}
