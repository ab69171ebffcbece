import type { Logger } from 'pino';
import type { Metrics, ReloadPart, ReloadResult } from '../metrics/metrics.ts';

/** What became of one part of a reload. */
export type ReloadOutcome =
  /** In force for the next request. */
  | { readonly result: 'applied' }
  /** The files say what is in force. */
  | { readonly result: 'unchanged' }
  /** In force but for these fields. */
  | { readonly result: 'restart_needed'; readonly fields: readonly string[] }
  /** The last good one stays. `reason` is for the operator as it is. */
  | { readonly result: 'rejected'; readonly reason: string };

/** Says it in the log and in the metrics. */
export type ReloadRecord = {
  /** @param source which of several files or places the part consists of; what one says hides no failure of another */
  note(part: ReloadPart, outcome: ReloadOutcome, source?: string): void;
  /** The source is no more, or was begun anew: whatever was wrong with it counts no longer. */
  forget(part: ReloadPart, source: string): void;
};

const PARTS: readonly ReloadPart[] = [
  'configuration',
  'ticket_keys',
  'certificates',
  'authorities',
  'passwords',
];

/** What is in force at the start counts as a success: a process without one does not start. */
export function createReloadRecord(deps: {
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Unix milliseconds. */
  readonly now: () => number;
}): ReloadRecord {
  const { metrics, log, now } = deps;
  const succeeded = (part: ReloadPart): void =>
    metrics.configLastReloadSuccess.set({ part }, Math.floor(now() / 1000));
  const inForce = (part: ReloadPart, yes: boolean): void =>
    metrics.configLastReloadSuccessful.set({ part }, yes ? 1 : 0);
  for (const part of PARTS) {
    inForce(part, true);
    succeeded(part);
  }

  /** Whose files do not say what is in force. */
  const failing = new Map(PARTS.map((part) => [part, new Set<string>()]));

  function settle(part: ReloadPart, source: string, good: boolean): void {
    const sources = failing.get(part);
    if (good) sources?.delete(source);
    else sources?.add(source);
    inForce(part, sources?.size === 0);
  }

  function note(part: ReloadPart, outcome: ReloadOutcome, source = ''): void {
    const result: ReloadResult = outcome.result;
    metrics.configReloads.inc({ part, result });
    settle(part, source, result === 'applied' || result === 'unchanged');
    if (result !== 'rejected') succeeded(part);
    switch (outcome.result) {
      case 'applied':
        log.info({ part }, 'reloaded');
        return;
      case 'unchanged':
        log.debug({ part }, 'nothing to reload');
        return;
      case 'restart_needed':
        log.error(
          { part, fields: outcome.fields },
          `reloaded but for ${outcome.fields.join(', ')}: restart Berth to put that in force`,
        );
        return;
      case 'rejected':
        log.error({ part, reason: outcome.reason }, 'not reloaded; the last good one stays in force');
    }
  }

  return { note, forget: (part, source) => settle(part, source, true) };
}

/** The one that has to be acted on; undefined where there is none. */
export function worstOutcome(outcomes: readonly ReloadOutcome[]): ReloadOutcome | undefined {
  const reasons = new Set(outcomes.flatMap((one) => (one.result === 'rejected' ? [one.reason] : [])));
  if (reasons.size > 0) return { result: 'rejected', reason: [...reasons].join('; ') };
  return outcomes.find(({ result }) => result !== 'unchanged') ?? outcomes[0];
}
