import { mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Test } from 'tap';

/** Beside tap's own. */
const PLACE = resolve('.tap', 'directories');

/**
 * A directory of this test alone. It is removed by what is torn down last of all that comes after this call; tap removes its `testdir` first,
 * while a server that the test started may still write there, and a removal that fails for that leaves the server running.
 */
export function testDirectory(t: Pick<Test, 'teardown'>): string {
  mkdirSync(PLACE, { recursive: true });
  const directory = mkdtempSync(join(PLACE, 'test-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
