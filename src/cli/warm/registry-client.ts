import type { IncomingMessage } from 'node:http';
import { readBounded } from '../../http/bounded-content.ts';
import { isScheme, parseChallenges } from '../../http/challenge.ts';
import { parseRetryAfter } from '../../http/retry-after.ts';
import { CliError } from '../cli-error.ts';
import type { HttpGet } from './http-get.ts';

export type RegistryClient = {
  /**
   * GET of a path of the registry API, 200 or 206, with a token where one is asked for. A redirect is followed to a data
   * endpoint alone, without credentials.
   * @throws CliError
   */
  get(path: string, repository: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage>;
};

export type UserPassword = { readonly username: string; readonly password: string };

/** Bytes of an error document or a token. */
const MAX_DOCUMENT_BYTES = 128 * 1024;
/** Times that one request is put off by 429 or 503. */
const MAX_WAITS = 5;
/** Seconds between two of those where nothing else is said, and the longest that is worth waiting for. */
const DEFAULT_WAIT_SECONDS = 5;
const MAX_WAIT_SECONDS = 120;

/** A registry's login server, asked as docker asks it. */
export function createRegistryClient(options: {
  /** `scheme://host[:port]` */
  readonly origin: string;
  readonly http: HttpGet;
  readonly credentials: UserPassword | undefined;
  readonly wait: (ms: number) => Promise<void>;
  /** Also follows redirects to storage itself (delivery `passthrough`), as clients do. */
  readonly followStorage?: boolean;
}): RegistryClient {
  const { origin, http, credentials, wait, followStorage = false } = options;
  const basic =
    credentials &&
    `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
  /** By repository; the promise, so that many blobs at once ask for one token. */
  const authorizations = new Map<string, Promise<string>>();

  async function authorize(challenge: string, repository: string): Promise<string> {
    const challenges = parseChallenges(challenge);
    const bearer = challenges.find((found) => isScheme(found, 'bearer'));
    if (bearer === undefined) {
      if (basic !== undefined && challenges.some((found) => isScheme(found, 'basic'))) return basic;
      throw new CliError(`${origin} asks for a user name and password: give them with --credentials FILE`);
    }
    const realm = URL.parse(bearer.params.get('realm') ?? '');
    // Berth's realm is always its own; to anybody else the password must not go.
    if (realm === null || (basic !== undefined && realm.origin !== new URL(origin).origin)) {
      throw new CliError(`${origin} names a token service that is not its own: is it Berth?`);
    }
    realm.searchParams.set('service', bearer.params.get('service') ?? '');
    realm.searchParams.set('scope', `repository:${repository}:pull`);
    const response = await http.get(realm, basic === undefined ? {} : { authorization: basic });
    const text = await readText(response);
    if (response.statusCode !== 200) throw refused(response.statusCode, text, 'the token');
    const token = tokenOf(text);
    if (token === undefined) throw new CliError(`the token service behind ${origin} gave no token`);
    return `Bearer ${token}`;
  }

  return {
    async get(path, repository, headers) {
      let authenticated = false;
      let redirectedRefusals = 0;
      for (let waits = 0; ; ) {
        const authorization = await authorizations.get(repository);
        const url = new URL(`${origin}${path}`);
        const response = await follow(http, url, headers, { authorization, followStorage });
        const { answer, redirected } = response;
        const { statusCode: status = 0 } = answer;
        if (status === 200 || status === 206) return answer;
        const text = await readText(answer);
        const challenge = answer.headers['www-authenticate'];
        if (status === 401 && !redirected && challenge !== undefined && !authenticated) {
          authenticated = true;
          // Another one may have got a new token meanwhile.
          if ((await authorizations.get(repository)) === authorization) {
            authorizations.set(repository, authorize(challenge, repository));
          }
          continue;
        }
        // A ticket that has expired on the way: the login server gives another one.
        if (status === 403 && redirected && (redirectedRefusals += 1) === 1) continue;
        if ((status === 429 || status === 503) && (waits += 1) <= MAX_WAITS) {
          const asked = parseRetryAfter(answer.headers['retry-after'] ?? '', Date.now());
          const seconds = asked ?? DEFAULT_WAIT_SECONDS;
          if (seconds <= MAX_WAIT_SECONDS) {
            await wait(seconds * 1000);
            continue;
          }
        }
        throw refused(status, text, path);
      }
    },
  };
}

async function follow(
  http: HttpGet,
  url: URL,
  headers: Readonly<Record<string, string>>,
  {
    authorization,
    followStorage,
  }: { readonly authorization: string | undefined; readonly followStorage: boolean },
): Promise<{ answer: IncomingMessage; redirected: boolean }> {
  const answer = await http.get(url, authorization === undefined ? headers : { ...headers, authorization });
  const { location } = answer.headers;
  // Berth's own is 307; storage's, with passthrough, is whatever the upstream says.
  if (!isRedirect(answer.statusCode) || location === undefined) return { answer, redirected: false };
  answer.resume();
  const next = URL.parse(location, url);
  if (next === null || !(followStorage || isTicketLink(next, url))) {
    throw new CliError(
      'its blobs come from storage itself and do not pass through Berth (delivery: passthrough), so there is nothing of them to warm; see "berth update --data-endpoint-enabled"',
    );
  }
  if (url.protocol === 'https:' && next.protocol !== 'https:') {
    throw new CliError(`${url.host} redirects to http: is it Berth?`);
  }
  return { answer: await http.get(next, headers), redirected: true };
}

function isRedirect(status: number | undefined): boolean {
  return status !== undefined && [301, 302, 303, 307, 308].includes(status);
}

/** What a document says; one that breaks off or is too long says nothing. */
async function readText(response: IncomingMessage): Promise<string> {
  const content = await readBounded(response, MAX_DOCUMENT_BYTES).catch(() => Buffer.alloc(0));
  return content.toString('utf8');
}

/** A data endpoint's link says which blob of which repository it is for (docs/tickets.md); storage's never do. */
function isTicketLink({ searchParams }: URL, blob: URL): boolean {
  return (
    searchParams.has('t') && blob.pathname === `/v2/${searchParams.get('r')}/blobs/${searchParams.get('d')}`
  );
}

function tokenOf(text: string): string | undefined {
  try {
    const document: unknown = JSON.parse(text);
    if (typeof document !== 'object' || document === null) return undefined;
    const token: unknown = Reflect.get(document, 'token') ?? Reflect.get(document, 'access_token');
    return typeof token === 'string' && token !== '' ? token : undefined;
  } catch {
    return undefined;
  }
}

/** Control characters would write on the terminal as they please. */
function refused(status: number | undefined, text: string, what: string): CliError {
  const message = /"message"\s*:\s*"((?:[^"\\]|\\.){1,300})"/.exec(text)?.[1] ?? '';
  // oxlint-disable-next-line no-control-regex -- that is what they are
  const readable = message.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, ' ').replaceAll('\\"', '"');
  return new CliError(`${what} was answered ${status}${readable === '' ? '' : `: ${readable}`}`);
}
