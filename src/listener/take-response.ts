import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

/** Takes the raw response over, with the fields that Fastify would have sent; the log line and metrics still see its end. */
export function takeResponse(reply: FastifyReply): ServerResponse {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  return reply.raw;
}
