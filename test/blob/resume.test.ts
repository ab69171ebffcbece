import {
  type Arbitrary,
  array,
  assert,
  boolean,
  constantFrom,
  double,
  nat,
  oneof,
  option,
  property,
  record,
} from 'fast-check';
import t from 'tap';
import {
  BODY_RESUME_LIMITS,
  createResumePolicy,
  OPENING_RESUME_LIMITS,
  type ResumeFacts,
  resumeReason,
} from '../../src/blob/resume.ts';
import { WrongContent } from '../../src/blob/wrong-content.ts';
import { type FailureKind, UpstreamFailure } from '../../src/upstream/failure.ts';

const limits = BODY_RESUME_LIMITS;
const NO_PROGRESS = { bytes: 0, renewable: false };

function failure(kind: FailureKind, status?: number, retryAfterSeconds?: number): UpstreamFailure {
  return new UpstreamFailure(kind, 'storage', 'test', { status, retryAfterSeconds });
}

const CUT = failure('http_response_incomplete');
const REFUSED = failure('http_request_error', 403);

const failures = oneof(
  constantFrom(CUT, failure('connection_refused'), failure('dns_error'), failure('http_protocol_error', 206)),
  record({
    status: constantFrom(401, 403, 404, 408, 412, 416, 429, 500, 503),
    after: option(nat(100), { nil: undefined }),
  }).map(({ status, after }) => failure('http_request_error', status, after)),
);
const facts: Arbitrary<ResumeFacts> = record({
  bytes: constantFrom(0, 1, limits.progressBytes - 1, limits.progressBytes, 10_000_000),
  retryable: boolean(),
  renewable: boolean(),
});
const events = array(
  record({ failure: failures, facts, random: double({ min: 0, max: 0.999, noNaN: true }) }),
  { maxLength: 400 },
);

t.test('failures that pass are told apart from those that do not', (t) => {
  const recoverable: [UpstreamFailure, string][] = [
    [CUT, 'cut'],
    [failure('connection_terminated'), 'cut'],
    [failure('connection_read_timeout'), 'stall'],
    [failure('http_response_timeout'), 'stall'],
    [failure('http_response_too_slow'), 'slow'],
    [failure('dns_error'), 'unreachable'],
    [failure('connection_refused'), 'unreachable'],
    [failure('connection_limit_reached'), 'busy'],
    [failure('http_request_error', 503), 'busy'],
    [failure('http_request_error', 429, 1), 'busy'],
    [failure('http_request_error', 408), 'server_error'],
    [failure('http_request_error', 500), 'server_error'],
    [failure('http_protocol_error', 206), 'wrong_answer'],
    [failure('http_protocol_error', 416), 'wrong_answer'],
    [failure('http_request_error', 412), 'changed'],
    [failure('http_request_error', 401), 'expired'],
    [REFUSED, 'expired'],
  ];
  for (const [error, reason] of recoverable)
    t.equal(resumeReason(error), reason, `${error.kind} ${error.status}`);
  const final = [
    failure('http_request_error', 404),
    failure('http_request_error', 410),
    failure('http_request_error', 400),
    failure('tls_certificate_error'),
    failure('redirect_refused'),
    failure('address_refused'),
    failure('proxy_configuration_error'),
    failure('destination_unavailable'),
    failure('proxy_internal_error'),
    new WrongContent('test'),
  ];
  for (const error of final) t.equal(resumeReason(error), undefined, error.message);
  t.end();
});

t.test('every wait is within its bounds, and no Retry-After is undercut', (t) => {
  assert(
    property(events, (list) => {
      let clock = 0;
      let next = 0;
      const policy = createResumePolicy({ now: () => clock, random: () => next, limits });
      for (const { failure: error, facts: what, random } of list) {
        next = random;
        const step = policy.next(error, what);
        if (step.kind === 'give_up') return true;
        const asked = (error.retryAfterSeconds ?? 0) * 1000;
        if (step.afterMs < 0 || step.afterMs > Math.max(limits.maxDelayMs, limits.maxRetryAfterMs))
          return false;
        if (step.kind === 'retry' && step.afterMs < asked) return false;
        if (step.kind === 'renew' && !what.renewable) return false;
        if (step.kind === 'retry' && what.retryable === false) return false;
        clock += step.afterMs;
      }
      return true;
    }),
  );
  t.end();
});

t.test('it ends, with and without progress', (t) => {
  assert(
    property(boolean(), boolean(), constantFrom(CUT, REFUSED), (moves, renewable, error) => {
      const policy = createResumePolicy({ now: () => 0, random: () => 0.5, limits });
      let steps = 0;
      while (policy.next(error, { bytes: moves ? limits.progressBytes : 0, renewable }).kind !== 'give_up') {
        steps += 1;
      }
      return steps <= (moves ? limits.triesInAll : limits.triesWithoutProgress);
    }),
  );
  t.end();
});

t.test('a body outlasts a storage that restarts, whatever chance says', (t) => {
  // Every answer is a refusal at once, which is the least patience that a count of tries can have.
  const outlasted = (seed: number): number => {
    let clock = 0;
    let state = seed;
    const random = (): number => {
      state = (state * 16_807) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    const policy = createResumePolicy({ now: () => clock, random, limits });
    for (;;) {
      const step = policy.next(failure('connection_refused'), NO_PROGRESS);
      if (step.kind === 'give_up') return clock;
      clock += step.afterMs;
    }
  };
  const times = Array.from({ length: 500 }, (_, index) => outlasted(index + 1));
  t.ok(Math.min(...times) > 30_000, `the shortest is ${Math.min(...times)} ms`);
  t.ok(Math.max(...times) <= limits.msWithoutProgress);
  t.end();
});

t.test('time without progress is bounded, too', (t) => {
  let clock = 0;
  const policy = createResumePolicy({ now: () => clock, random: () => 0, limits });
  t.equal(policy.next(CUT, NO_PROGRESS).kind, 'retry');
  clock = limits.msWithoutProgress + 1;
  t.equal(policy.next(CUT, NO_PROGRESS).kind, 'give_up');
  t.equal(
    policy.next(CUT, { ...NO_PROGRESS, bytes: limits.progressBytes }).kind,
    'retry',
    'progress begins anew',
  );
  t.end();
});

t.test('waits grow, and begin anew after progress', (t) => {
  const policy = createResumePolicy({ now: () => 0, random: () => 0.999_999, limits });
  const wait = (bytes: number) => {
    const step = policy.next(CUT, { bytes, renewable: false });
    return step.kind === 'give_up' ? undefined : step.afterMs;
  };
  const tries = Array.from({ length: limits.triesWithoutProgress + 1 }, () => wait(0));
  t.strictSame(tries.slice(0, 8), [99, 199, 399, 799, 1599, 3199, 4999, 4999]);
  t.strictSame(tries.slice(-2), [4999, undefined]);
  t.equal(wait(limits.progressBytes), 99);
  t.end();
});

t.test('what is refused is renewed at once, but not twice for the same bytes', (t) => {
  const policy = createResumePolicy({ now: () => 0, random: () => 0, limits });
  t.strictSame(policy.next(REFUSED, { bytes: 0, renewable: true }), {
    kind: 'renew',
    reason: 'expired',
    afterMs: 0,
  });
  t.equal(policy.next(REFUSED, { bytes: 0, renewable: true }).kind, 'give_up');
  t.equal(policy.next(REFUSED, { bytes: limits.progressBytes, renewable: true }).kind, 'renew');
  t.equal(policy.next(REFUSED, { bytes: limits.progressBytes, renewable: false }).kind, 'give_up');
  t.end();
});

t.test('a host in trouble is tried once more, then another is asked for', (t) => {
  const policy = createResumePolicy({ now: () => 0, random: () => 0, limits });
  const kinds = [1, 2, 3].map(() => policy.next(CUT, { bytes: 0, renewable: true }).kind);
  t.strictSame(kinds, ['retry', 'renew', 'renew']);
  t.end();
});

t.test('a Retry-After that is too long is not waited for', (t) => {
  const busy = failure('http_request_error', 429, limits.maxRetryAfterMs / 1000 + 1);
  const policy = createResumePolicy({ now: () => 0, random: () => 0, limits });
  t.equal(policy.next(busy, NO_PROGRESS).kind, 'give_up');
  const soon = createResumePolicy({ now: () => 0, random: () => 0, limits: OPENING_RESUME_LIMITS });
  t.equal(
    soon.next(failure('http_request_error', 503, 1), NO_PROGRESS).kind,
    'give_up',
    'the client is told',
  );
  t.equal(soon.next(failure('http_request_error', 503), NO_PROGRESS).kind, 'retry');
  t.end();
});

t.test('silence is not waited for twice: another source at once, or none', (t) => {
  let clock = 0;
  const silent = failure('http_response_timeout');
  const opening = () => {
    clock = 0;
    return createResumePolicy({ now: () => clock, random: () => 0, limits: OPENING_RESUME_LIMITS });
  };
  let policy = opening();
  clock = 20_000;
  t.equal(policy.next(silent, { bytes: 0, renewable: true }).kind, 'renew', 'the client still waits');
  clock = 26_000;
  t.equal(policy.next(silent, { bytes: 0, renewable: true }).kind, 'give_up', 'but not for ever');
  policy = opening();
  clock = 20_000;
  t.equal(policy.next(silent, NO_PROGRESS).kind, 'give_up');
  policy = opening();
  clock = 1000;
  t.equal(policy.next(silent, NO_PROGRESS).kind, 'retry');
  t.end();
});
