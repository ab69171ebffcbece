import type { DoorRequest } from '../listener/door-request.ts';
import { upstreamRequest } from './ask-upstream.ts';
import type { Caller } from './caller.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import { refuseOddSuccess, sendAnswer } from './send-answer.ts';

/** Catalog, tags (end-8) and referrers (end-12): passed through, redirects followed inside, `Link` rewritten (C5, C6). */
export async function answerListing(call: DoorRequest, caller: Caller, deps: LoginServerDeps): Promise<void> {
  const response = await deps.upstream.follow(upstreamRequest(call, caller.authorization));
  await refuseOddSuccess(response);
  await sendAnswer(call, response, deps);
}
