import { ContentTooLarge, readBounded } from '../http/bounded-content.ts';
import { rewriteLinks } from '../http/link.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import { statusError } from '../oci/status-error.ts';
import { openUpload, sealUpload } from '../ticket/seal-upload.ts';
import { classifyFailure, UpstreamFailure } from '../upstream/failure.ts';
import type { UpstreamResponse } from '../upstream/upstream-registry.ts';
import { localPath } from './answer-headers.ts';
import { keepAnswer, upstreamRequest } from './ask-upstream.ts';
import type { Caller } from './caller.ts';
import { answerListing } from './listing.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import { sendBounded } from './send-answer.ts';

/** Bytes of one page: 10,000 of the longest names. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/**
 * The catalog without the repositories that rules close (G3). A page may have fewer entries than were asked for, and be
 * empty where the next one is not: `Link` says whether there is one.
 */
export async function answerCatalog(call: DoorRequest, caller: Caller, deps: LoginServerDeps): Promise<void> {
  if (!deps.repositoryRules.any) {
    await answerListing(call, caller, deps);
    return;
  }
  const asked = upstreamRequest(call, caller.authorization);
  const path = openPage(call, deps) ?? asked.path;
  // The length of an answer to HEAD would tell of what is left out, and a coded answer could not be read.
  const headers = { ...asked.headers, 'accept-encoding': 'identity' };
  const response = await deps.upstream.follow({ ...asked, method: 'GET', path, headers });
  if (response.status !== 200) {
    await sendBounded(call, await keepAnswer(response), deps);
    return;
  }
  const repositories = (await namesOf(response)).filter((name) => deps.repositoryRules.isOpen(name));
  const body = Buffer.from(JSON.stringify({ repositories }));
  const link = sealLinks([response.headers.link ?? []].flat().join(', '), path, deps);
  const fields = { 'content-type': 'application/json', ...(link !== '' && { link }) };
  await sendBounded(call, { status: 200, headers: fields, body }, deps);
}

/** What the page was sealed for: a repository of this name can not be. */
const CATALOG = '_catalog';

/** A link to the next page names the last repository of this one, which may be a closed one. */
function sealLinks(value: string, path: string, { registry, ticketKeys }: LoginServerDeps): string {
  return rewriteLinks(value, (uri) => {
    const url = localPath(uri, path, registry);
    if (url === undefined || !/^\/v2\/_catalog(\?|$)/.test(url)) return undefined;
    return `/v2/_catalog?next=${sealUpload(ticketKeys(), { registry: registry.name, repository: CATALOG, url })}`;
  });
}

/** Path and query of the page that a sealed link leads to; undefined where the client came without one. */
function openPage({ query, context }: DoorRequest, deps: LoginServerDeps): string | undefined {
  const next = new URLSearchParams(query).get('next');
  if (next === null) return undefined;
  const where = { registry: deps.registry.name, repository: CATALOG };
  const opened = openUpload(deps.ticketKeys(), where, next);
  if (opened.kind === 'ok') return opened.url;
  context.refuse('upload_ticket', opened.reason);
  throw statusError(400, { message: 'This page was not linked to here; begin the catalog again.' });
}

async function namesOf(response: UpstreamResponse): Promise<readonly string[]> {
  const content = await readBounded(response.body, MAX_PAGE_BYTES).catch((error: unknown) => {
    if (!(error instanceof ContentTooLarge)) throw classifyFailure(error, 'registry');
    throw new UpstreamFailure('content_too_large', 'registry', 'a page of the catalog is too long', {
      cause: error,
    });
  });
  const repositories = repositoriesOf(content.toString('utf8'));
  if (repositories !== undefined) return repositories;
  throw new UpstreamFailure('http_protocol_error', 'registry', 'the catalog is not of its form');
}

function repositoriesOf(text: string): readonly string[] | undefined {
  try {
    const document: unknown = JSON.parse(text);
    if (typeof document !== 'object' || document === null || !('repositories' in document)) return undefined;
    const { repositories } = document;
    // Registries written in Go say null for none.
    if (repositories === null) return [];
    return Array.isArray(repositories) && repositories.every((name) => typeof name === 'string')
      ? repositories
      : undefined;
  } catch {
    return undefined;
  }
}
