import type { ResumeLimits } from '../blob/resume.ts';
import type { Timeouts } from '../config/config.ts';

/** Milliseconds that what waits for an upstream may take to give up: a last silence after all tries to go on. */
export function upstreamPatienceMs(
  { connectSeconds, headersSeconds, idleSeconds }: Timeouts,
  { msWithoutProgress }: Pick<ResumeLimits, 'msWithoutProgress'>,
): number {
  return msWithoutProgress + (connectSeconds + headersSeconds + 2 * idleSeconds) * 1000;
}
