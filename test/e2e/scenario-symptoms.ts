import type { Berth } from './berth.ts';
import { berthFiles } from './client-config.ts';
import { CLIENTS } from './clients/all.ts';
import { buildkit } from './clients/buildkit.ts';
import type { Client, ClientFiles, ClientSetup } from './clients/client.ts';
import { pullInParallel } from './clients/containerd2.ts';
import { dockerd, startDockerd } from './clients/dockerd.ts';
import { skopeoPush } from './clients/skopeo.ts';
import { inNamespace } from './network.ts';
import { CommandFailed, run } from './process.ts';
import { expect } from './report.ts';
import { FAULTS, type FaultScene } from './symptoms/faults.ts';
import { readSymptoms, type Symptom, saysSo } from './symptoms/read-symptoms.ts';
import { type World, withClientSetup } from './world.ts';

/** By their names in the document. */
const READERS: ReadonlyMap<string, Client> = new Map([
  ...[...CLIENTS, buildkit].map((client) => [client.name, client] as const),
  ['docker', dockerd],
  ['containerd 2', { name: 'containerd2', configuration: 'containerd', pull: pullInParallel }],
]);

/** docs/troubleshoot.md: each fault is made, and each client says what the document says that it says. */
export async function symptomsScenario(world: World, berth: Berth): Promise<void> {
  const symptoms = await readSymptoms();
  for (const [name, open] of Object.entries(FAULTS)) {
    const rows = symptoms.filter(({ fault }) => fault === name);
    await world.report.check(`symptoms: ${name}`, async () => {
      const scene = await open(world, berth);
      try {
        const wrong: string[] = [];
        await world.observer.observe(scene.allowed, async () => {
          if (scene.silent !== undefined) await drop(world, scene.silent.address);
          const said = await Promise.all(rows.map((row) => ask(world, scene, row)));
          wrong.push(...said.filter((text) => text !== undefined));
        });
        expect(wrong.length === 0, wrong.join('\n'));
      } finally {
        await scene.end();
      }
      return rows.map(({ client }) => client).join(' ');
    });
  }
}

/** Until the next time that the clients' firewall is laid. */
async function drop({ network }: World, address: string): Promise<void> {
  const rule = ['OUTPUT', '-d', address, '-p', 'tcp', '-j', 'DROP'];
  await run(inNamespace(network.clients, ['iptables', '-w', '-I', ...rule]));
}

/** Undefined where the client says what the document has; else what it says. */
async function ask(world: World, scene: FaultScene, { client, says }: Symptom): Promise<string | undefined> {
  const reader = READERS.get(client);
  if (reader === undefined) return `${client}: no such client here`;
  const caFile = scene.configuredBy === null ? '/dev/null' : world.authority.caFile;
  const files = await filesOf(reader, scene, caFile);
  let text: string | undefined;
  await withClientSetup(world, reader.name, files, async (setup) => {
    text = await failureOf(() => act(reader, { ...setup, caFile }, scene));
  });
  if (text === undefined) return `${client}: did what it was asked to`;
  return saysSo(text, says) ? undefined : `${client} says: ${text.slice(-2000)}`;
}

async function filesOf(client: Client, scene: FaultScene, caFile: string): Promise<ClientFiles> {
  const files = new Map<string, string>();
  for (const configured of [scene.configuredBy, scene.pushTo?.configuredBy]) {
    if (configured === null || configured === undefined) continue;
    const { berth, registry } = configured;
    for (const [path, content] of await berthFiles(berth, client.configuration, registry, caFile))
      files.set(path, content);
  }
  return files;
}

async function failureOf(action: () => Promise<void>): Promise<string | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    if (error instanceof CommandFailed) return `${error.output.stdout}\n${error.output.stderr}`;
    throw error;
  }
}

async function act(client: Client, setup: ClientSetup, { target, pushTo }: FaultScene): Promise<void> {
  if (pushTo === undefined) return client.pull(setup, target);
  if (client.name === 'skopeo') return skopeoPush(setup, target, pushTo.target);
  if (client.name !== 'dockerd') throw new Error(`${client.name} is not made to push here`);
  const daemon = await startDockerd(setup);
  try {
    const from = `${target.registry}/${target.repository}:${target.tag}`;
    const to = `${pushTo.target.registry}/${pushTo.target.repository}:${pushTo.target.tag}`;
    const [user = '', password = ''] = pushTo.target.credentials ?? [];
    await daemon.docker(['pull', '-q', from]);
    await daemon.docker(['tag', from, to]);
    await daemon.docker(['login', '-u', user, '--password-stdin', pushTo.target.registry], password);
    await daemon.docker(['push', '-q', to]);
  } finally {
    await daemon.end();
  }
}
