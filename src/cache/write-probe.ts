import { removeFile, type StoreFs } from './store-fs.ts';
import { FILE_MODE } from './store-layout.ts';

/** A disk that takes so much is not one with a last block left. */
const PROBE_BYTES = 256 * 1024;

/** Writes a file to the disk itself and takes it away again; rejects with what the system says. */
export async function writeProbe(fs: StoreFs, path: string): Promise<void> {
  await removeFile(fs, path);
  const file = await fs.open(path, 'wx', FILE_MODE);
  try {
    await file.writeFile(Buffer.alloc(PROBE_BYTES));
    await file.datasync();
  } finally {
    await file.close();
    await removeFile(fs, path);
  }
}
