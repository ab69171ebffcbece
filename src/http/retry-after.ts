import { parseHttpDate } from './http-date.ts';

/** A wait is never longer than this, in seconds: one day. A peer that says more means "not today". */
const MAX_SECONDS = 86_400;

/**
 * The value of a Retry-After field (RFC 9110 section 10.2.3), either form, in whole seconds from `nowMs` (Unix milliseconds),
 * rounded up, at least 0 and at most one day. Undefined where it is neither form.
 */
export function parseRetryAfter(value: string, nowMs: number): number | undefined {
  if (value.length > 64) return undefined;
  if (/^\d+$/.test(value)) return Math.min(Number(value), MAX_SECONDS);
  const instant = parseHttpDate(value, nowMs);
  if (instant === undefined) return undefined;
  return Math.min(Math.max(0, Math.ceil((instant - nowMs) / 1000)), MAX_SECONDS);
}
