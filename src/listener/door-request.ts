import type { IncomingMessage, ServerResponse } from 'node:http';
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

/** One request before Fastify has seen it. */
export type RawRequest = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly context: RequestContext;
};

export function createDoorRequest(
  request: FastifyRequest,
  reply: FastifyReply,
  context: RequestContext,
): DoorRequest {
  return { request, reply, context, ...cutTarget(request.raw.url ?? '/') };
}

/** A raw target as path and query; `query` without `?`, '' where there is none. */
export function cutTarget(target: string): Pick<DoorRequest, 'path' | 'query'> {
  const at = target.indexOf('?');
  if (at === -1) return { path: target, query: '' };
  return { path: target.slice(0, at), query: target.slice(at + 1) };
}
