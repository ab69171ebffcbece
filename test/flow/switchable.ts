import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import type { Config, RegistryConfig } from '../../src/config/config.ts';
import type { MigrationReport } from '../../src/endpoints/migration-report.ts';
import type { RegistryDocument } from '../../src/endpoints/registry-document.ts';
import { startBerth, type TestBerth } from '../support/berth.ts';
import type { TestResponse } from '../support/http-client.ts';
import type { Scene } from './scene.ts';

export type ControlResponse<T> = { readonly status: number; readonly document: T };

/** A Berth beside the scene's own that can be switched, and whose clients say where they are. */
export type Switchable = {
  readonly berth: TestBerth;
  /** GET of the scene's blob at the login server, from an address. */
  pull(from?: string): Promise<TestResponse>;
  get(url: string, from?: string): Promise<TestResponse>;
  ask<T = unknown>(method: string, path: string, body?: string): Promise<ControlResponse<T>>;
  update(enabled: boolean): Promise<ControlResponse<RegistryDocument>>;
  report(): Promise<MigrationReport>;
};

/** A directory whose path is short enough for a Unix socket, which those of tap are not. */
export function shortDirectory(t: Pick<Test, 'teardown'>): string {
  const directory = mkdtempSync(join(tmpdir(), 'b-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** `directory` holds the state and the control socket; two at the same one are a restart. */
export async function startSwitchable(
  t: Test,
  scene: Scene,
  directory: string,
  registry: Partial<RegistryConfig> = {},
  config: Partial<Config> = {},
): Promise<Switchable> {
  const [listener] = scene.berth.config.listeners;
  const [configured] = scene.berth.config.registries;
  if (listener === undefined || configured === undefined) throw new Error('the scene has no Berth');
  const socket = join(directory, 'run/admin.sock');
  const berth = await startBerth({
    authority: scene.authority,
    registries: [{ ...configured, ...registry }],
    ticketKeys: scene.berth.ticketKeys,
    config: {
      listeners: [{ ...listener, clientAddress: 'xForwardedFor', trustedProxies: ['127.0.0.1'] }],
      stateDirectory: join(directory, 'state'),
      admin: { socket },
      ...config,
    },
  });
  t.teardown(() => berth.close());
  const get = (url: string, from = '192.0.2.1') =>
    berth.client.send(url, { headers: { 'x-forwarded-for': from } });
  const ask = <T>(method: string, path: string, body?: string) => askControl<T>(socket, method, path, body);
  return {
    berth,
    get,
    pull: (from) => get(`${scene.login}${scene.blobPath}`, from),
    ask,
    update: (enabled) =>
      ask('PATCH', '/v1/registries/contoso', JSON.stringify({ dataEndpointEnabled: enabled })),
    report: async () => (await ask<MigrationReport>('GET', '/v1/registries/contoso/migration')).document,
  };
}

export function askControl<T>(
  socketPath: string,
  method: string,
  path: string,
  body?: string,
): Promise<ControlResponse<T>> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method, path }, (response) => {
      text(response).then(
        (answer) => resolve({ status: response.statusCode ?? 0, document: JSON.parse(answer) }),
        reject,
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
