import type { BlobPlaces } from '../blob/blob-opener.ts';
import type { Decisions } from '../login-server/decisions.ts';
import { type Tracing, traced } from '../trace/tracing.ts';

/** The same places, each look into the cache and each wait for a fill's first byte as a step of the request's trace. */
export function tracePlaces(places: BlobPlaces, tracing: Tracing): BlobPlaces {
  if (!tracing.isOn) return places;
  const { stored, fills } = places;
  return {
    ...(stored && {
      stored: {
        length: (digest, signal) => stored.length(digest, signal),
        open(digest, range, signal) {
          const span = tracing.begin('cache', 'internal', { 'berth.digest': digest });
          return traced(span, async () => {
            const found = await stored.open(digest, range, signal);
            span.set({ 'berth.cache': found === undefined ? 'miss' : 'hit' });
            return found;
          });
        },
      },
    }),
    ...(fills && {
      fills: {
        join(request) {
          const span = tracing.begin('fill', 'internal', { 'berth.digest': request.digest });
          return traced(span, async () => {
            const joined = await fills.join(request);
            span.set({ 'berth.fill': joined === undefined ? 'refused' : 'joined' });
            return joined;
          });
        },
      },
    }),
  };
}

/** The same decisions, each question whether a caller may have it as a step of the request's trace. */
export function traceDecisions<T>(decisions: Decisions<T>, tracing: Tracing): Decisions<T> {
  if (!tracing.isOn) return decisions;
  return {
    ...decisions,
    known(name, serves) {
      const verdict = decisions.known(name, serves);
      if (verdict === undefined) return undefined;
      tracing
        .begin('authorize', 'internal', {
          'berth.repository': name.repository,
          'berth.decision': verdict.kind,
        })
        .end();
      return verdict;
    },
    decide(question, signal) {
      const span = tracing.begin('authorize', 'internal', { 'berth.repository': question.repository });
      return traced(span, async () => {
        const verdict = await decisions.decide(question, signal);
        span.set({ 'berth.decision': verdict.kind });
        return verdict;
      });
    },
  };
}
