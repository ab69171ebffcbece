import type { Decisions } from '../login-server/decisions.ts';
import type { SharedScope } from '../login-server/shared-decisions.ts';

/**
 * The same decisions under a name of their own in place of the registry's: what was decided by another upstream, or by
 * other rules, answers nobody after a reload, and neither does what is being decided meanwhile.
 */
export function scopeDecisions<T>(
  decisions: Decisions<T>,
  scope: string,
  shared?: SharedScope,
): Decisions<T> {
  return {
    name: (subject, isProbed) => decisions.name({ ...subject, registry: scope, shared }, isProbed),
    known: (name, serves) => decisions.known(name, serves),
    decide: (question, signal) => decisions.decide({ ...question, registry: scope, shared }, signal),
    forget: (_registry, repository) => decisions.forget(scope, repository, shared),
  };
}
