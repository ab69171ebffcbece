import { readFile } from 'node:fs/promises';
import { run } from '../process.ts';

/** What leads to a registry; passwords are in `.npmrc` files that this does not read. */
const KEYS = ['registry', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl'] as const;

async function npmConfig(key: string): Promise<string | undefined> {
  const { stdout } = await run(['npm', 'config', 'get', key]);
  const value = stdout.trim();
  return ['', 'null', 'undefined'].includes(value) ? undefined : value;
}

/** Text of an `.npmrc` by which npm inside a container reaches the registry that npm outside reaches. */
export async function npmSettings(): Promise<string> {
  const lines: string[] = [];
  for (const key of KEYS) {
    const value = await npmConfig(key);
    if (value !== undefined) lines.push(`${key}=${value}`);
  }
  const file = (await npmConfig('cafile')) ?? process.env['NODE_EXTRA_CA_CERTS'];
  const pem = file === undefined ? '' : await readFile(file, 'utf8');
  for (const [certificate] of pem.matchAll(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g))
    lines.push(`ca[]="${certificate.replaceAll('\n', '\\n')}"`);
  return `${lines.join('\n')}\n`;
}
