import type { Programs } from '../e2e/install.ts';
import type { Network } from '../e2e/network.ts';

/** What the outer half hands to the inner one, as JSON. */
export type SoakSettings = {
  readonly programs: Programs;
  readonly network: Network;
  readonly directory: string;
  readonly machinePid: number;
  /** Length of the part with faults. */
  readonly seconds: number;
  readonly seed: number;
  /** Where the report goes; undefined: nowhere. */
  readonly reportFile?: string | undefined;
};
