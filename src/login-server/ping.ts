import type { DoorRequest } from '../listener/door-request.ts';
import { upstreamRequest } from './ask-upstream.ts';
import type { Caller } from './caller.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import { refuseOddSuccess, sendAnswer } from './send-answer.ts';

/** end-1 (A1): whether the caller may come in is the upstream's word, its challenge rewritten. */
export async function answerPing(call: DoorRequest, caller: Caller, deps: LoginServerDeps): Promise<void> {
  const request = upstreamRequest(call, caller.authorization);
  const response = await deps.upstream.follow({ ...request, path: '/v2/' });
  await refuseOddSuccess(response);
  await sendAnswer(call, response, deps);
}
