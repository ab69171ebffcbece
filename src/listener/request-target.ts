import type { IncomingMessage } from 'node:http';
import { parseHost } from '../http/host.ts';
import type { RequestRefusal } from '../metrics/metrics.ts';

export type RequestTarget =
  /** `path` is raw and begins with a slash; the query is still on it. */
  | { readonly kind: 'target'; readonly host: string; readonly path: string }
  | { readonly kind: 'refused'; readonly reason: RequestRefusal; readonly message: string };

/**
 * The host and raw path a request is for (RFC 9112 §3.2): exactly one Host field, also from HTTP/1.0 (it chooses the
 * registry), unless the target is in absolute form, whose authority counts instead.
 */
export function requestTarget(
  request: Pick<IncomingMessage, 'url' | 'rawHeaders'>,
  scheme: 'http' | 'https',
): RequestTarget {
  const hosts = fieldValues(request.rawHeaders, 'host');
  if (hosts.length === 0) return refused('missing_host', 'The request has no Host field.');
  if (hosts.length > 1) return refused('duplicate_host', 'The request has more than one Host field.');
  const target = splitTarget(request.url ?? '');
  if (target === undefined) {
    return refused('malformed_target', 'The request target is neither a path nor an http or https URL.');
  }
  const host = parseHost(target.authority ?? hosts[0] ?? '', scheme);
  if (host === undefined)
    return refused('malformed_host', 'The Host field is not a host name with an optional port.');
  return { kind: 'target', host, path: target.path };
}

function refused(reason: RequestRefusal, message: string): RequestTarget {
  return { kind: 'refused', reason, message };
}

/** Values of a field, however often it stands there; Node's own `headers` keeps the first Host only. */
function fieldValues(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const field = rawHeaders[i] ?? '';
    if (field.length === name.length && field.toLowerCase() === name) values.push(rawHeaders[i + 1] ?? '');
  }
  return values;
}

function splitTarget(url: string): { authority: string | undefined; path: string } | undefined {
  if (url.startsWith('/')) return { authority: undefined, path: url };
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/is.exec(url);
  if (absolute === null) return undefined;
  const [, authority = '', rest = ''] = absolute;
  return { authority, path: rest.startsWith('/') ? rest : `/${rest}` };
}
