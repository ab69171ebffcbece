import type { Berth } from './berth.ts';
import type { Client, ClientFiles } from './clients/client.ts';

type WrittenFile = { readonly path: string; readonly content: string };

/** The client's own configuration files, exactly as `berth client-config` writes them. */
export async function berthFiles(
  berth: Berth,
  configuration: Client['configuration'],
  name: string,
  caFile: string,
): Promise<ClientFiles> {
  if (configuration === 'none') return new Map();
  const words = ['client-config', configuration, '--name', name, '--ca', caFile, '-o', 'json'];
  const { stdout } = await berth.command(words);
  const written: readonly WrittenFile[] = JSON.parse(stdout);
  const files = new Map<string, string>();
  for (const { path, content } of written) {
    if (!path.startsWith('/etc/'))
      throw new Error(`client-config ${configuration}: ${path} is not below /etc`);
    files.set(path.slice('/etc/'.length), content);
  }
  return files;
}
