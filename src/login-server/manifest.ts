import { matchesEntityTag } from '../http/entity-tag.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import { takeResponse } from '../listener/take-response.ts';
import { API_VERSION_FIELD } from '../oci/api-version.ts';
import {
  type AskedManifest,
  askManifest,
  describe,
  fetchAllowed,
  findManifest,
  type KnownManifest,
  type ManifestRoute,
} from './ask-manifest.ts';
import type { Caller } from './caller.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import { sendBounded } from './send-answer.ts';
import { staleFields } from './stale-fields.ts';

/** end-3, GET and HEAD (C1–C4): from memory where the upstream lets this caller have it, else from the upstream. */
export function answerManifest(
  call: DoorRequest,
  route: ManifestRoute,
  caller: Caller,
  deps: LoginServerDeps,
): Promise<void> | void {
  const found = findManifest(call, route, caller, deps);
  if (found?.content === undefined || found.answer.kind === 'answer') {
    return answerAsked(call, route, caller, deps, found);
  }
  // What is left needs nobody, and is what a manifest is asked for most.
  call.context.access.digest = found.answer.digest;
  sendManifest(call, found.answer, found.content);
}

async function answerAsked(
  call: DoorRequest,
  route: ManifestRoute,
  caller: Caller,
  deps: LoginServerDeps,
  found: AskedManifest | undefined,
): Promise<void> {
  const { answer, content, staleSince } = found ?? (await askManifest(call, route, caller, deps));
  if (answer.kind === 'answer') {
    await sendBounded(call, answer.answer, deps);
    return;
  }
  call.context.access.digest = answer.digest;
  const known = content ?? deps.manifests.get(deps.registry.name, answer.digest)?.content;
  if (known !== undefined || call.request.raw.method === 'HEAD') {
    if (staleSince !== undefined) call.reply.headers(staleFields(staleSince, deps.now()));
    sendManifest(call, answer, known);
    return;
  }
  // Allowed, but not in memory: never was, too large to be kept, or pushed out again.
  const fetched = await fetchAllowed(call, route, answer, caller, deps);
  if (fetched.kind === 'answer') await sendBounded(call, fetched.answer, deps);
  else sendManifest(call, describe(fetched.manifest), fetched.manifest.content);
}

/** The fields are the upstream's for this repository, also where the content was kept for another one (C4). */
function sendManifest(
  call: DoorRequest,
  { digest, mediaType, length }: KnownManifest,
  content: Buffer | undefined,
): void {
  const { headers, method } = call.request.raw;
  const tag = `"${digest}"`;
  const condition = headers['if-none-match'];
  // Not through Fastify: its way for an answer costs more than everything else here.
  const response = takeResponse(call.reply);
  const fields = {
    'x-request-id': call.context.requestId,
    'docker-content-digest': digest,
    ...API_VERSION_FIELD,
    etag: tag,
  };
  if (condition !== undefined && matchesEntityTag(condition, tag)) {
    response.writeHead(304, fields).end();
    return;
  }
  response.writeHead(200, {
    ...fields,
    'content-type': mediaType,
    'content-length': String(content?.length ?? length),
  });
  response.end(method === 'HEAD' ? undefined : content);
}
