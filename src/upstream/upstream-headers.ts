import { stripHopByHop } from '../http/hop-by-hop.ts';

type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What never leaves with a request: it is set anew, or it belongs to the client and Berth alone. */
const OWN_FIELDS: ReadonlySet<string> = new Set(['host', 'authorization', 'cookie', 'expect']);

/** All that another host than the registry gets to see: no credentials, nothing that storage would act on (`x-ms-*`). */
const FOREIGN_FIELDS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'if-none-match',
  'range',
  'user-agent',
]);

/** Header fields for the registry itself. `authorization` undefined: none is sent. */
export function registryHeaders(
  fields: Fields,
  options: { authorization: string | undefined; hasBody: boolean },
): Record<string, string | string[]> {
  const kept = stripHopByHop(
    fields,
    // Where nothing is sent, a length would be of something else.
    (name) => OWN_FIELDS.has(name) || (!options.hasBody && name === 'content-length'),
  );
  if (options.authorization !== undefined) kept['authorization'] = options.authorization;
  return kept;
}

/** Header fields for a host that the registry redirects to. */
export function foreignHeaders(fields: Fields): Record<string, string | string[]> {
  return stripHopByHop(fields, (name) => !FOREIGN_FIELDS.has(name));
}
