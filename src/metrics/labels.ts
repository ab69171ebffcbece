/**
 * The closed sets that label values come from. A label value that is not listed does not compile, so the number
 * of series is bounded; none of them ever names a repository, a tag, a digest, an address or a path.
 * Those of one topic stand beside its metrics (`*-metrics.ts`); here are those of every request, and those that several topics share.
 */

/** The door a request came to; `unknown` where it was refused before its host was known. */
export const SERVERS = ['login_server', 'data_endpoint', 'unknown'] as const;
export type ServerLabel = (typeof SERVERS)[number];

/** Route kinds of `oci/route.ts`; `unknown` where none was recognised. */
export const ROUTES = [
  'ping',
  'catalog',
  'token',
  'tags',
  'manifest',
  'blob',
  'uploads',
  'upload',
  'referrers',
  'unknown',
] as const;
export type RouteLabel = (typeof ROUTES)[number];

/** Methods that are routed; a peer may send any token, so the rest is one value. */
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'other'] as const;
export type MethodLabel = (typeof METHODS)[number];

/** Status codes; 499 stands for a client that left (nginx's and caddy's convention). */
export const CODES = [
  '200',
  '201',
  '202',
  '204',
  '206',
  '301',
  '302',
  '303',
  '304',
  '307',
  '308',
  '400',
  '401',
  '403',
  '404',
  '405',
  '406',
  '408',
  '409',
  '410',
  '411',
  '412',
  '413',
  '414',
  '415',
  '416',
  '417',
  '421',
  '429',
  '431',
  '451',
  '499',
  '500',
  '501',
  '502',
  '503',
  '504',
  'other',
] as const;
export type CodeLabel = (typeof CODES)[number];

const CODE_OF: ReadonlyMap<string, CodeLabel> = new Map(CODES.map((code) => [code, code]));
const METHOD_OF: ReadonlyMap<string, MethodLabel> = new Map(METHODS.map((method) => [method, method]));

/** The label for a status code that a peer chose. */
export function codeLabel(status: number): CodeLabel {
  return CODE_OF.get(String(status)) ?? 'other';
}

/** The label for a method that a peer chose. */
export function methodLabel(method: string | undefined): MethodLabel {
  return METHOD_OF.get(method ?? '') ?? 'other';
}

/** Those of the configuration, which the operator wrote: bounded, but not known here. Each appears when it is set. */
export const REGISTRY_NAMES: readonly string[] = [];
export const REGION_NAMES: readonly string[] = [];
