import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RequestContext } from './request-context.ts';

/** One request as a door gets it: Fastify's two objects, what is known about it, and its raw target cut in two. */
export type DoorRequest = {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly context: RequestContext;
  /** As sent, not decoded; without the query. */
  readonly path: string;
  /** As sent, without `?`; '' where there is none. */
  readonly query: string;
};

export function createDoorRequest(
  request: FastifyRequest,
  reply: FastifyReply,
  context: RequestContext,
): DoorRequest {
  const target = request.raw.url ?? '/';
  const at = target.indexOf('?');
  return {
    request,
    reply,
    context,
    path: at === -1 ? target : target.slice(0, at),
    query: at === -1 ? '' : target.slice(at + 1),
  };
}
