import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';

/**
 * A text that differs once the file is written, replaced, linked elsewhere, gone, or its owner or mode is another: a key file that
 * was refused for its mode is good after a `chmod`. Device, inode and size as well as the times: a file can be replaced twice
 * within the resolution of its time.
 */
export async function stampFile(path: string): Promise<string> {
  const facts = await stat(path, { bigint: true }).catch(() => undefined);
  return facts === undefined ? 'missing' : formatStamp(facts);
}

/** The stamps of several files as one, which differs as well where it is about other files. */
export async function stampFiles(paths: readonly string[]): Promise<string> {
  return JSON.stringify(await Promise.all(paths.map(async (path) => [path, await stampFile(path)])));
}

/** The stamp of a file that has been looked at already. */
export function formatStamp({ dev, ino, mode, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev} ${ino} ${mode.toString(8)} ${size} ${mtimeNs} ${ctimeNs}`;
}
