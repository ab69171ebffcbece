import type { BlobFailure, Verdict } from '../open-blob.ts';

/** The fill's word on the whole blob, before and after it is spoken. */
export type OpenVerdict = {
  /** Undefined: not known yet. */
  readonly matches: boolean | undefined;
  settle(matches: boolean): void;
  /** There will be none. */
  fail(failure: BlobFailure): void;
  /** For whoever takes the whole. */
  asVerdict(): Verdict;
};

export function createOpenVerdict(): OpenVerdict {
  let known: boolean | undefined;
  let failure: BlobFailure | undefined;
  let asked: { resolve(matches: boolean): void; reject(error: unknown): void } | undefined;
  return {
    get matches() {
      return known;
    },
    settle(matches) {
      known ??= matches;
      asked?.resolve(known);
    },
    fail(reason) {
      failure ??= reason;
      asked?.reject(reason);
    },
    asVerdict() {
      if (known === true) return { kind: 'proved' };
      const matches = async (): Promise<boolean> => {
        if (known !== undefined) return known;
        if (failure !== undefined) throw failure;
        return new Promise((resolve, reject) => {
          asked = { resolve, reject };
        });
      };
      return { kind: 'promised', matches };
    },
  };
}
