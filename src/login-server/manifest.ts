import type { DoorRequest } from '../listener/door-request.ts';
import { takeResponse } from '../listener/take-response.ts';
import {
  type AskedManifest,
  askManifest,
  contentOf,
  describe,
  fetchAllowed,
  findManifest,
  type ManifestRoute,
} from './ask-manifest.ts';
import type { Caller } from './caller.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import type { KnownManifest } from './manifest-answer.ts';
import { sendBounded } from './send-answer.ts';
import { sendManifest } from './send-manifest.ts';
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
  send(call, found.answer, found.content);
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
  const known = content ?? contentOf(answer, deps.manifests.get(deps.registry.name, answer.digest));
  if (known !== undefined || call.request.raw.method === 'HEAD') {
    if (staleSince !== undefined) call.reply.headers(staleFields(staleSince, deps.now()));
    send(call, answer, known);
    return;
  }
  // Allowed, but not in memory: never was, too large to be kept, or pushed out again.
  const fetched = await fetchAllowed(call, route, answer, caller, deps);
  if (fetched.kind === 'answer') await sendBounded(call, fetched.answer, deps);
  else send(call, describe(fetched.manifest), fetched.manifest.content);
}

function send(call: DoorRequest, manifest: KnownManifest, content: Buffer | undefined): void {
  sendManifest(call.request.raw, takeResponse(call.reply), call.context.requestId, manifest, content);
}
