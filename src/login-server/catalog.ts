import { ContentTooLarge } from '../http/bounded-content.ts';
import { rewriteLinks } from '../http/link.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import { statusError } from '../oci/status-error.ts';
import { classifyFailure, UpstreamFailure } from '../upstream/failure.ts';
import type { UpstreamResponse } from '../upstream/upstream-registry.ts';
import { localPath } from './answer-headers.ts';
import { type BoundedAnswer, keepAnswer, upstreamRequest } from './ask-upstream.ts';
import type { Caller } from './caller.ts';
import { type CatalogPosition, openPosition, sealPosition } from './catalog-position.ts';
import { answerListing } from './listing.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import { refuseOddSuccess, sendBounded } from './send-answer.ts';

/** Bytes of one page of the upstream: 10,000 of the longest names. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/** Names of a page where the client does not say, and the least that the upstream is asked for: what registries take for it themselves. */
const PAGE_NAMES = 100;

/** Names of a page at most, whatever the client says: distribution's own limit. */
const MAX_PAGE_NAMES = 1000;

/**
 * Questions upstream for one page. Only where thousands of closed repositories lie between two open ones does a page end
 * before it is full.
 */
const MAX_QUESTIONS = 30;

/** RFC 8288 §3.3: relation types are words, whatever their case, and may be several. */
const NEXT = /;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next)\s*(?:;|$)/i;

/** A page as a client gets it, or an answer of the upstream that is none. */
type Collected =
  | { readonly kind: 'names'; readonly names: readonly string[]; readonly next: CatalogPosition | undefined }
  | { readonly kind: 'answer'; readonly answer: BoundedAnswer };

/** A page as the upstream gives it; `next` is path and query of the one after it. */
type UpstreamPage = { readonly names: readonly string[]; readonly next: string | undefined };

/**
 * The catalog without the repositories that rules close (G3). Pages are filled with open ones, and whether there is a next
 * page depends on them alone: a short or an empty page would tell what lies between, and so would a page that begins where
 * the client says.
 */
export async function answerCatalog(call: DoorRequest, caller: Caller, deps: LoginServerDeps): Promise<void> {
  if (!deps.repositoryRules.any) {
    await answerListing(call, caller, deps);
    return;
  }
  const collected = await collectPage(positionOf(call, deps), caller, call, deps);
  if (collected.kind === 'answer') {
    await sendBounded(call, collected.answer, deps);
    return;
  }
  const { names, next } = collected;
  const link = next && { link: `</v2/_catalog?next=${sealPosition(next, deps)}>; rel="next"` };
  const body = Buffer.from(JSON.stringify({ repositories: names }));
  await sendBounded(
    call,
    { status: 200, headers: { 'content-type': 'application/json', ...link }, body },
    deps,
  );
}

async function collectPage(
  { url: begin, after: shown, count }: CatalogPosition,
  caller: Caller,
  call: DoorRequest,
  deps: LoginServerDeps,
): Promise<Collected> {
  const names: string[] = [];
  let last = { url: begin, after: shown };
  let url = begin;
  for (let asked = 0; asked < MAX_QUESTIONS; asked += 1) {
    const page = await askPage(url, caller, call, deps);
    if ('answer' in page) return { kind: 'answer', answer: page.answer };
    // Where it is gone meanwhile, the page is given once more: twice is better than not at all.
    const from = asked === 0 && shown !== undefined ? page.names.indexOf(shown) + 1 : 0;
    for (const name of page.names.slice(from)) {
      if (!deps.repositoryRules.isOpen(name)) continue;
      if (names.length === count) return { kind: 'names', names, next: { ...last, count } };
      names.push(name);
      last = { url, after: name };
    }
    if (page.next === undefined) return { kind: 'names', names, next: undefined };
    url = page.next;
  }
  return {
    kind: 'names',
    names,
    next: names.length === count ? { ...last, count } : { url, after: undefined, count },
  };
}

async function askPage(
  path: string,
  caller: Caller,
  call: DoorRequest,
  deps: LoginServerDeps,
): Promise<UpstreamPage | { readonly answer: BoundedAnswer }> {
  const asked = upstreamRequest(call, caller.authorization);
  // The length of an answer to HEAD would tell of what is left out, and a coded answer could not be read.
  const headers = { ...asked.headers, 'accept-encoding': 'identity' };
  const response = await deps.upstream.follow({ ...asked, method: 'GET', path, headers });
  // What is passed on below is not filtered.
  await refuseOddSuccess(response);
  if (response.status !== 200) return { answer: await keepAnswer(response) };
  const names = await namesOf(response);
  return { names, next: nextPage([response.headers.link ?? []].flat().join(', '), path, deps) };
}

/** The upstream's own `Link` to the page after `path`. */
function nextPage(value: string, path: string, { registry }: LoginServerDeps): string | undefined {
  const local = rewriteLinks(value, (uri) => {
    const url = localPath(uri, path, registry);
    return url !== undefined && /^\/v2\/_catalog(\?|$)/.test(url) ? url : undefined;
  });
  const next = local.split(/, (?=<)/).find((link) => NEXT.test(link));
  return next?.slice(1, next.indexOf('>'));
}

/**
 * Where the client's page begins: where a link of ours leads, or at the beginning. Nothing else of its query goes along.
 * @throws OciError 400
 */
function positionOf({ query, context }: DoorRequest, deps: LoginServerDeps): CatalogPosition {
  const params = new URLSearchParams(query);
  if (params.has('last')) {
    const message =
      'Parts of this catalog are closed, so its pages begin where their links lead; leave last out.';
    throw statusError(400, { message });
  }
  const next = params.get('next');
  if (next === null) {
    const count = countOf(params.getAll('n'));
    return { url: `/v2/_catalog?n=${Math.max(count, PAGE_NAMES)}`, after: undefined, count };
  }
  const opened = openPosition(next, deps);
  if (opened.kind === 'ok') return opened.position;
  context.refuse('upload_ticket', opened.reason);
  throw statusError(400, { message: 'This page was not linked to here; begin the catalog again.' });
}

function countOf(values: readonly string[]): number {
  const [value] = values;
  if (value === undefined) return PAGE_NAMES;
  if (values.length > 1 || !/^[1-9]\d*$/.test(value))
    throw statusError(400, { message: 'n is a whole number from 1 on, given once.' });
  return Math.min(Number(value), MAX_PAGE_NAMES);
}

async function namesOf(response: UpstreamResponse): Promise<readonly string[]> {
  const content = await response.read(MAX_PAGE_BYTES).catch((error: unknown) => {
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
