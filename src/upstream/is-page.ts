import type { IncomingHttpHeaders } from 'node:http';

/** Whether an answer is a web page: what a portal, a login or a balancer puts before a registry, often with 200. */
export function isPage(headers: IncomingHttpHeaders): boolean {
  return /^(text\/html|application\/xhtml\+xml)\b/i.test(headers['content-type'] ?? '');
}
