import type { UpstreamFailure } from '../../upstream/failure.ts';
import { createResumePolicy, OPENING_RESUME_LIMITS, type ResumePolicy } from '../resume.ts';
import type { FillDeps } from './fill-deps.ts';

/** How long readers that have nothing yet wait for the sources of a fill: as long as a stream's would, since they can still be told (E6). */
export type OpeningPatience = {
  /** Nothing will come for a while; `bytes` have since the last time. True: it is over, and begins anew. */
  isOver(failure: UpstreamFailure, bytes: number): boolean;
};

export function createOpeningPatience(
  deps: Pick<FillDeps, 'now' | 'random' | 'resumeLimits'>,
): OpeningPatience {
  const limits = { ...OPENING_RESUME_LIMITS, ...deps.resumeLimits };
  const open = (): ResumePolicy => createResumePolicy({ ...deps, limits });
  let policy = open();
  return {
    isOver(failure, bytes) {
      if (policy.next(failure, { bytes, renewable: true }).kind !== 'give_up') return false;
      policy = open();
      return true;
    },
  };
}
