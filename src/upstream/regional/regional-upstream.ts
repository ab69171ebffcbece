import type { RegistryConfig } from '../../config/config.ts';
import type { FailoverReason, Metrics } from '../../metrics/metrics.ts';
import { parseRoute } from '../../oci/route.ts';
import { resolveLocation } from '../check-location.ts';
import { endBody } from '../end-body.ts';
import type { QueueWait } from '../exchange.ts';
import { isOutageStatus } from '../is-outage.ts';
import { isRedirect } from '../is-redirect.ts';
import { parseRawUrl } from '../raw-url.ts';
import type {
  BlobLocation,
  UpstreamRegistry,
  UpstreamRequest,
  UpstreamResponse,
} from '../upstream-registry.ts';
import { askInTurn, type Judgement } from './ask-in-turn.ts';
import { createRecentWrites, type WriteKind, type WriteRecords } from './recent-writes.ts';
import {
  type OpenMember,
  openRegionMembers,
  type RegionMember,
  type RegionMembersDeps,
} from './region-members.ts';

export type RegionalUpstreamDeps = RegionMembersDeps & {
  readonly metrics: Pick<Metrics, 'regionFailovers'>;
  /** Where this process tells others what was written, and hears of it. */
  readonly records: WriteRecords;
};

/** Whether there is more than one upstream, so that one can stand in for another. */
export function isRegional({ regions }: RegistryConfig): boolean {
  return regions.some(({ upstream }) => upstream !== null);
}

/**
 * The upstreams of several regions as one (docs/request-handling.md X). What is written, logged in and listed is home's;
 * manifests and blobs are asked for where the client is, and whatever can not be had in one region is asked for in the next.
 *
 * @param open called with undefined for the home region's, which is the registry's own upstream
 */
export function createRegionalUpstream(
  registry: RegistryConfig,
  open: OpenMember,
  deps: RegionalUpstreamDeps,
): UpstreamRegistry {
  const members = openRegionMembers(registry, open, deps);
  const { home, memberAt, regionOfHost } = members;
  const writes = createRecentWrites(registry.replicationSeconds, {
    now: deps.now,
    records: deps.records,
    registry: `${registry.name} ${registry.upstream.url}`,
  });

  function countFailover(from: RegionMember, reason: FailoverReason): void {
    deps.metrics.regionFailovers.inc({ registry: registry.name, region: from.region, reason });
  }

  /** Right after a write only home is sure to have it. */
  async function orderFor(
    repository: string | undefined,
    first: string | undefined,
  ): Promise<readonly RegionMember[]> {
    const isElsewhere = first !== undefined && first !== home.region;
    const isRecent = isElsewhere && repository !== undefined && (await writes.isRecent(repository));
    const wanted = isRecent ? undefined : first;
    const order = members.inOrder(wanted);
    const skipped = wanted === undefined ? home : (members.memberOf(wanted) ?? home);
    if (order[0] !== skipped) countFailover(skipped, 'unhealthy');
    return order;
  }

  async function askForContent(
    request: UpstreamRequest,
    ask: (upstream: UpstreamRegistry, request: UpstreamRequest) => Promise<UpstreamResponse>,
  ): Promise<UpstreamResponse> {
    const repository = repositoryOf(request);
    return askInTurn({
      members: await orderFor(repository, request.region),
      isAuthority: (member) => member === home,
      mayLag: () => repository !== undefined && writes.mayLag(repository),
      ask: ({ upstream }, signal, queueWait) => ask(upstream, { ...request, queueWait, signal }),
      judge: ({ status }): Judgement => judgeStatus(status),
      drop: endBody,
      onFailover: countFailover,
      signal: request.signal,
    });
  }

  /** What does not depend on a repository: home says it, and where it can not, the next. */
  async function askAny<Answer>(
    ask: (upstream: UpstreamRegistry, signal: AbortSignal, queueWait?: QueueWait) => Promise<Answer>,
    signal: AbortSignal,
    isOutage: (answer: Answer) => boolean = () => false,
  ): Promise<Answer> {
    return askInTurn({
      members: await orderFor(undefined, undefined),
      isAuthority: (member) => member === home,
      mayLag: () => false,
      ask: (member, patience, queueWait) => ask(member.upstream, patience, queueWait),
      judge: (answer): Judgement => (isOutage(answer) ? 'outage' : 'final'),
      drop: () => Promise.resolve(),
      onFailover: countFailover,
      signal,
    });
  }

  async function write(request: UpstreamRequest): Promise<UpstreamResponse> {
    const repository = repositoryOf(request);
    const kind = writeOf(request);
    const note = async (): Promise<void> => {
      if (repository !== undefined && kind !== undefined) await writes.note(repository, kind);
    };
    let response: UpstreamResponse;
    try {
      response = await home.upstream.request(request);
    } catch (error) {
      // It may have been carried out all the same.
      await note();
      throw error;
    }
    // Of a gateway that waited too long, too.
    if (response.status < 400 || response.status >= 500) await note();
    return response;
  }

  function judgeLocation(location: BlobLocation, avoid: string | undefined): Judgement {
    if (location.kind === 'status') return judgeStatus(location.status);
    const origin = parseRawUrl(location.url)?.origin;
    if (origin !== undefined && origin === avoid) return 'second_best';
    const region = location.kind === 'storage' && origin !== undefined ? regionOfHost(origin) : undefined;
    return region !== undefined && !members.isStorageUsable(region) ? 'second_best' : 'final';
  }

  return {
    origin: home.upstream.origin,
    request: (request) => {
      const reads = (request.method === 'GET' || request.method === 'HEAD') && request.body === undefined;
      // The state of an upload is where the upload is.
      if (!reads || parsedPath(request.path).kind === 'upload' || !request.path.startsWith('/v2/')) {
        return write(request);
      }
      return askForContent(request, async (upstream, asked) =>
        tellWhere(await upstream.request(asked), `${upstream.origin}${asked.path}`),
      );
    },
    follow: (request) => askForContent(request, (upstream, asked) => upstream.follow(asked)),
    async locateBlob({ avoid, region: first, ...question }) {
      const { repository, signal } = question;
      const avoided = avoid === undefined ? undefined : (memberAt(avoid)?.region ?? regionOfHost(avoid));
      const order =
        avoided === undefined ? await orderFor(repository, first) : members.inOrder(first, avoided);
      return askInTurn({
        members: order,
        isAuthority: (member) => member === home,
        mayLag: () => writes.mayLag(repository),
        async ask({ upstream, region }, patience, queueWait) {
          const location = await upstream.locateBlob({ ...question, queueWait, signal: patience });
          return location.kind === 'status' ? location : { ...location, region };
        },
        judge: (location): Judgement => judgeLocation(location, avoid),
        drop: () => Promise.resolve(),
        onFailover: countFailover,
        signal,
      });
    },
    realm: (signal) => askAny((upstream, patience) => upstream.realm(patience), signal),
    ping: (signal) => home.upstream.ping(signal),
    tokenRequest: (request) =>
      askAny(
        (upstream, signal, queueWait) => upstream.tokenRequest({ ...request, queueWait, signal }),
        request.signal,
        (answer) => answer.kind === 'answer' && isRegionOutageStatus(answer.status),
      ),
    anonymousAuthorization: (repository, signal) =>
      askAny((upstream, patience) => upstream.anonymousAuthorization(repository, patience), signal),
    ownAuthorization(path, signal, url) {
      const origin = url === undefined ? undefined : parseRawUrl(url)?.origin;
      const member = (origin === undefined ? undefined : memberAt(origin)) ?? home;
      return member.upstream.ownAuthorization(path, signal);
    },
    checkLocation(location, base, hop) {
      const target = typeof location === 'string' ? parseRawUrl(location)?.origin : undefined;
      const from = parseRawUrl(String(base))?.origin;
      const member =
        (target === undefined ? undefined : memberAt(target)) ??
        (from === undefined ? undefined : memberAt(from)) ??
        home;
      return member.upstream.checkLocation(location, base, hop);
    },
    storage: members.storage,
    regions: {
      isUsable: members.isUsable,
      order: (first) => {
        const order = members.inOrder(first).map(({ region }) => region);
        return [order.join(','), ...members.failing().map((region) => `!${region}`)].join(' ');
      },
      status: members.status,
    },
    close: members.close,
  };
}

/** A relative redirect is relative to the region that gave it, which nobody sees any more further on. */
function tellWhere(response: UpstreamResponse, base: string): UpstreamResponse {
  const { status, headers } = response;
  const { location } = headers;
  if (location !== undefined && isRedirect(status))
    headers.location = resolveLocation(location, base) ?? location;
  return response;
}

function parsedPath(path: string): ReturnType<typeof parseRoute> {
  return parseRoute(path.split('?', 1)[0] ?? '');
}

function repositoryOf({ path, repository }: UpstreamRequest): string | undefined {
  const route = parsedPath(path);
  return repository ?? ('repository' in route ? route.repository : undefined);
}

/** What of a repository is another one afterwards; undefined: nothing yet. */
function writeOf({ method, path }: UpstreamRequest): WriteKind | undefined {
  if (method === 'PUT' || method === 'POST') return 'pushed';
  const { kind } = parsedPath(path);
  return method === 'DELETE' && (kind === 'manifest' || kind === 'blob') ? 'deleted' : undefined;
}

function judgeStatus(status: number): Judgement {
  if (status === 404) return 'not_found';
  return isRegionOutageStatus(status) ? 'outage' : 'final';
}

/** A 429 is not got around by asking elsewhere. */
function isRegionOutageStatus(status: number): boolean {
  return status !== 429 && isOutageStatus(status);
}
