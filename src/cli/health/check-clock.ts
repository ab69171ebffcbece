import { parseHttpDate } from '../../http/http-date.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** A Date field has whole seconds, and an answer takes its time. */
const NOTICEABLE_MS = 30_000;
/** Presigned links live 20 minutes and tickets end a minute before them; with a quarter of that gone, pulls begin to fail. */
const HARMFUL_MS = 5 * 60_000;

/** Compares the clock of this machine with the `Date` of an answer; undefined where it has none. */
export function checkClock(target: string, date: string | undefined, now: number): Finding | undefined {
  const theirs = parseHttpDate(date ?? '', now);
  if (theirs === undefined) return undefined;
  const skew = now - theirs;
  const seconds = Math.round(Math.abs(skew) / 1000);
  if (Math.abs(skew) < NOTICEABLE_MS) return ok('clock', target, `differs by ${seconds} s at most`);
  const detail = `this machine's clock is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} it: storage links, tickets and tokens ${skew > 0 ? 'count as expired early' : 'are used after they have expired'}`;
  const advice = 'let NTP set both clocks (timedatectl, chronyc tracking)';
  return Math.abs(skew) < HARMFUL_MS
    ? warn('clock', target, detail, advice)
    : fail('clock', target, detail, advice);
}
