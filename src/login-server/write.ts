import type { DoorRequest } from '../listener/door-request.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import { endBody } from '../upstream/end-body.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import type { UpstreamRequest, UpstreamResponse } from '../upstream/upstream-registry.ts';
import { localPath } from './answer-headers.ts';
import { requestBody, upstreamRequest } from './ask-upstream.ts';
import type { Caller } from './caller.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import { sendAnswer } from './send-answer.ts';

/** end-7, end-9, end-10: PUT of a manifest, DELETE of a manifest or blob; streamed through (P1, P6). */
export async function answerWrite(
  call: DoorRequest,
  repository: RepositoryName,
  caller: Caller,
  deps: LoginServerDeps,
): Promise<void> {
  const request = { ...upstreamRequest(call, caller.authorization), body: requestBody(call) };
  const response = await requestWrite(request, repository, deps);
  await refuseRedirectedWrite(response, call, deps);
  const { location } = response.headers;
  const local = location === undefined ? undefined : localPath(location, call.path, deps.registry);
  await sendAnswer(call, response, deps, local === undefined ? {} : { location: local });
}

/**
 * P6: what was decided before the write says nothing about what is there after it. Also where no answer came: it may have
 * been carried out all the same.
 */
export async function requestWrite(
  request: UpstreamRequest,
  repository: RepositoryName,
  deps: LoginServerDeps,
): Promise<UpstreamResponse> {
  try {
    return await deps.upstream.request(request);
  } finally {
    deps.blobDecisions.forget(deps.registry.name, repository);
    deps.manifestDecisions.forget(deps.registry.name, repository);
  }
}

/**
 * P4: a client that followed would send its content to a host that no firewall rule names.
 * @throws UpstreamFailure
 */
export async function refuseRedirectedWrite(
  response: UpstreamResponse,
  call: DoorRequest,
  deps: LoginServerDeps,
): Promise<void> {
  if (response.status < 300 || response.status >= 400 || response.status === 304) return;
  await endBody(response);
  deps.metrics.redirectsRefused.inc({ reason: 'upload_redirected' });
  call.context.refuse('upload_location', 'upload_redirected');
  throw new UpstreamFailure('redirect_refused', 'registry', 'the upstream wants to redirect a write', {
    status: response.status,
  });
}
