import type { FailoverReason } from '../../metrics/metrics.ts';
import type { QueueWait } from '../exchange.ts';
import { UpstreamFailure } from '../failure.ts';
import { isOutage } from '../is-outage.ts';

/** What an answer means for the other regions. */
export type Judgement =
  /** It is the answer. */
  | 'final'
  /** The region can not answer now. */
  | 'outage'
  /** It has no such thing; whether that is the answer depends on who says it. */
  | 'not_found'
  /** Better than none. */
  | 'second_best';

export type Turn<Member, Answer> = {
  /** In the order to be asked; never empty. */
  readonly members: readonly Member[];
  /** Its «not found» is the answer, also where others could not be asked. */
  readonly isAuthority: (member: Member) => boolean;
  /** Its «not found» may be that of a region which does not have it yet. */
  readonly mayLag: (member: Member) => boolean | Promise<boolean>;
  /** `queueWait`: the region's time does not run meanwhile; undefined where it has all of it. */
  readonly ask: (member: Member, signal: AbortSignal, queueWait?: QueueWait) => Promise<Answer>;
  readonly judge: (answer: Answer, member: Member) => Judgement;
  /** An answer that is not used: its body is owed. */
  readonly drop: (answer: Answer) => Promise<void>;
  readonly onFailover: (from: Member, reason: FailoverReason) => void;
  /** The client's. */
  readonly signal: AbortSignal;
};

/** Milliseconds for one region, from its turn in Berth's own queue on, while there is another, or another has answered: containerd gives up after 30 s, and two may be down. */
const TRY_MS = 8_000;

/**
 * Asks one region after the other until one answers. An outage is never a 404: a region's «not found» counts where home says
 * the same; where home can not be asked, that is the answer.
 *
 * @throws the failure of the first that could not be asked, or the signal's reason
 */
export async function askInTurn<Member, Answer>(turn: Turn<Member, Answer>): Promise<Answer> {
  const { members, signal } = turn;
  let failure: { readonly error: unknown } | undefined;
  let outage: Answer | undefined;
  let notFound: { readonly answer: Answer; readonly isFinal: boolean } | undefined;
  let secondBest: Answer | undefined;

  async function keepOrDrop(kept: Answer | undefined, answer: Answer): Promise<Answer> {
    if (kept === undefined) return answer;
    await turn.drop(answer);
    return kept;
  }

  async function dropAllBut(answer: Answer | undefined): Promise<void> {
    const kept = [outage, notFound?.answer, secondBest].filter((one) => one !== undefined && one !== answer);
    await Promise.all(kept.map((one) => turn.drop(one as Answer)));
  }

  for (const [index, member] of members.entries()) {
    const isLast = index === members.length - 1;
    const moveOn = (reason: FailoverReason): void => {
      if (!isLast) turn.onFailover(member, reason);
    };
    let answer: Answer;
    try {
      const isOnlyChance = isLast && notFound === undefined && secondBest === undefined;
      answer = isOnlyChance ? await turn.ask(member, signal) : await tryOne(turn, member);
    } catch (error) {
      if (signal.aborted || !isRegionOutage(error)) {
        await dropAllBut(undefined);
        throw error;
      }
      failure ??= { error };
      moveOn('outage');
      continue;
    }
    const judgement = turn.judge(answer, member);
    if (judgement === 'final') {
      await dropAllBut(undefined);
      return answer;
    }
    if (judgement === 'outage') {
      outage = await keepOrDrop(outage, answer);
      moveOn('outage');
    } else if (judgement === 'second_best') {
      secondBest = await keepOrDrop(secondBest, answer);
      moveOn('storage');
    } else {
      const isFinal = turn.isAuthority(member);
      if (isFinal && !(await turn.mayLag(member))) {
        // What another region had not, or could not say, is settled by this one.
        if (secondBest === undefined) {
          await dropAllBut(undefined);
          return answer;
        }
      }
      if (notFound === undefined || (isFinal && !notFound.isFinal)) {
        if (notFound !== undefined) await turn.drop(notFound.answer);
        notFound = { answer, isFinal };
      } else {
        await turn.drop(answer);
      }
      moveOn('not_found');
    }
  }
  const settled = secondBest ?? (notFound?.isFinal === true ? notFound.answer : undefined);
  if (settled !== undefined) {
    await dropAllBut(settled);
    return settled;
  }
  if (failure !== undefined) {
    await dropAllBut(undefined);
    throw failure.error;
  }
  const left = outage ?? notFound?.answer;
  if (left === undefined) throw new TypeError('no region was asked');
  await dropAllBut(left);
  return left;
}

/** The region could not be asked: not Berth's own limits, and no 429, which asking elsewhere would only get around. */
export function isRegionOutage(error: unknown): boolean {
  if (!(error instanceof UpstreamFailure) || error.status === 429) return false;
  const isOwnLimit = error.kind === 'connection_limit_reached' && error.status !== undefined;
  return isOutage(error) && !isOwnLimit;
}

async function tryOne<Member, Answer>(
  { ask, signal }: Turn<Member, Answer>,
  member: Member,
): Promise<Answer> {
  const patience = new AbortController();
  const setTimer = (): NodeJS.Timeout =>
    setTimeout(
      () =>
        patience.abort(new DOMException('no answer in time, and there is another region', 'TimeoutError')),
      TRY_MS,
    );
  // A body that has begun is not bounded by it.
  let timer = setTimer();
  const queueWait: QueueWait = {
    began: () => clearTimeout(timer),
    ended() {
      timer = setTimer();
    },
  };
  try {
    return await ask(member, AbortSignal.any([signal, patience.signal]), queueWait);
  } finally {
    clearTimeout(timer);
  }
}
