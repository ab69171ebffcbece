import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestCertificate } from '../../support/ca.ts';
import { type BreakableDisk, breakDiskBelow } from './breakable-disk.ts';
import type { OriginFault } from './origin.ts';
import type { Strike } from './run-fault.ts';

export function storage(fault: OriginFault): Strike {
  return {
    strike: (scene) => {
      scene.origin.fault = fault;
    },
    mend: (scene) => {
      scene.origin.fault = null;
    },
  };
}

export const REFUSED: Strike = {
  strike: ({ origin }) => origin.refuse(),
  mend: ({ origin }) => origin.accept(),
};

export const DNS_LOSS: Strike = {
  strike(scene) {
    scene.names.lost = true;
    scene.origin.dropConnections();
  },
  mend(scene) {
    scene.names.lost = false;
  },
};

export const SPOOL_DELETED: Strike = {
  strike({ directory }) {
    for (const part of ['blobs', 'partial']) rmSync(join(directory, 'v1', part), { recursive: true });
  },
  mend: () => undefined,
};

export function tlsFailure(good: TestCertificate, bad: TestCertificate): Strike {
  return {
    strike: ({ origin }) => origin.present(bad),
    mend: ({ origin }) => origin.present(good),
  };
}

/** To be called before the scene is there, with the directory of its cache. */
export function diskFull(): Strike & { prepare(directory: string): void } {
  let disk: BreakableDisk | undefined;
  const set = (code: string | undefined): void => {
    if (disk !== undefined) disk.code = code;
  };
  return {
    prepare: (directory) => {
      disk = breakDiskBelow(directory);
    },
    strike: () => set('ENOSPC'),
    mend: () => set(undefined),
  };
}
