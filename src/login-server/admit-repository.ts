import type { DoorRequest } from '../listener/door-request.ts';
import { ociError } from '../oci/error.ts';
import { parseRepositoryName } from '../oci/repository-name.ts';
import type { Route } from '../oci/route.ts';
import type { RepositoryRules } from '../policy/repository-rules.ts';

/**
 * Lets a request on to its repository, and to the one that it wants to mount from (docs/request-handling.md G1–G4). The
 * upstream is not asked, so that the answer is the same whether it has such a repository or not.
 *
 * @throws OciError 403
 */
export function admitRepository(call: DoorRequest, route: Route, rules: RepositoryRules): void {
  if (!rules.any || !('repository' in route)) return;
  if (!rules.isOpen(route.repository)) throw refuseRepository(call);
  if (route.kind !== 'uploads' && route.kind !== 'upload') return;
  const sources = new URLSearchParams(call.query).getAll('from');
  // What is no repository's name to us might be one to the upstream, as `;` may part fields there and does not here.
  const isOpen = (name: string) => parseRepositoryName(name) !== undefined && rules.isOpen(name);
  if (call.query.includes(';') || !sources.every(isOpen)) throw refuseRepository(call, 'mount_source');
}

function refuseRepository({ context }: DoorRequest, detail?: 'mount_source'): Error {
  context.refuse('repository_rule', detail);
  context.access.failure = 'repository_rule';
  const what = detail === undefined ? 'This repository' : 'The repository to mount from';
  return ociError('DENIED', {
    message: `${what} is not open through this registry proxy; ask its operator to allow it in rules.repositories.`,
    headers: { connection: 'close' },
  });
}

/** What the registry API knows in the query of an upload that begins (end-4, end-11), and of one that goes on (end-5, end-6). */
const UPLOAD_KEYS: Readonly<Record<'uploads' | 'upload', ReadonlySet<string>>> = {
  uploads: new Set(['digest', 'digest-algorithm', 'from', 'mount']),
  upload: new Set(['digest']),
};

/**
 * The query of an upload where rules hold: only what these rules have judged. An upstream may take `From` or `from[]` for a
 * `from`, and would choose the source itself of a mount without one. Without `mount` it is an upload like any other
 * (distribution-spec, "Mounting a blob").
 */
export function judgedQuery(query: string, kind: 'uploads' | 'upload'): string {
  const pairs = query.split('&').map((pair) => ({ pair, key: pair.split('=', 1)[0] ?? '' }));
  const known = pairs.filter(({ key }) => UPLOAD_KEYS[kind].has(key));
  const hasSource = known.some(({ key }) => key === 'from');
  return known
    .filter(({ key }) => hasSource || key !== 'mount')
    .map(({ pair }) => pair)
    .join('&');
}
