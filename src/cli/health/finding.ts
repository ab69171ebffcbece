/** What one check of `berth check-health` found: one line, what is so and what to do. */
export type Finding = {
  readonly state: 'ok' | 'warn' | 'fail';
  readonly check: Check;
  /** What was looked at: a host, an address, an image. */
  readonly target: string;
  readonly detail: string;
  /** What to do; undefined where all is well. */
  readonly advice: string | undefined;
};

export type Check =
  | 'names'
  | 'ready'
  | 'dns'
  | 'connect'
  | 'certificate'
  | 'login-server'
  | 'data-endpoint'
  | 'clock'
  | 'upstream'
  | 'token-service'
  | 'storage'
  | 'manifest'
  | 'blob';

export function ok(check: Check, target: string, detail: string): Finding {
  return { state: 'ok', check, target, detail, advice: undefined };
}

export function warn(check: Check, target: string, detail: string, advice: string): Finding {
  return { state: 'warn', check, target, detail, advice };
}

export function fail(check: Check, target: string, detail: string, advice: string): Finding {
  return { state: 'fail', check, target, detail, advice };
}
