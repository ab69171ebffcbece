import type { Berth, RegistryName } from './berth.ts';
import type { Client, ClientFiles } from './clients/client.ts';

/** PLACEHOLDER */
export async function berthFiles(
  berth: Berth,
  configuration: Client['configuration'],
  name: RegistryName,
  caFile: string,
): Promise<ClientFiles> {
  if (configuration === 'none') return new Map();
  const { stdout } = await berth.command(['client-config', configuration, '--name', name, '--ca', caFile]);
  return parseFiles(stdout);
}

function parseFiles(_stdout: string): ClientFiles {
  throw new Error('not yet');
}
