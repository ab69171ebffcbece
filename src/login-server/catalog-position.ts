import { openUpload, sealUpload, type UploadRefusal, UploadSealError } from '../ticket/seal-upload.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import type { LoginServerDeps } from './login-server-deps.ts';

/** Where a page of the catalog begins. */
export type CatalogPosition = {
  /** Path and query of a page of the upstream. */
  readonly url: string;
  /** The last name of that page that was given out already. */
  readonly after: string | undefined;
  /** Most names of a page, as the client asked for them. */
  readonly count: number;
};

type Deps = Pick<LoginServerDeps, 'registry' | 'ticketKeys'>;

/** What a position is sealed for: a repository of this name can not be. */
const CATALOG = '_catalog';

/** Characters. The length of a link would tell that of a name in it, which may be a closed one's; names have 255 at most. */
const PADDING = 1024;

/** A position as only Berth can make and read it. @throws UpstreamFailure where the upstream's link is too long */
export function sealPosition({ url, after, count }: CatalogPosition, { registry, ticketKeys }: Deps): string {
  const text = JSON.stringify([count, url, after ?? null]);
  const padded = text.padEnd(Math.ceil(text.length / PADDING) * PADDING);
  try {
    return sealUpload(ticketKeys(), { registry: registry.name, repository: CATALOG, url: padded });
  } catch (error) {
    if (!(error instanceof UploadSealError)) throw error;
    const message = 'the link to the next page of the catalog is too long';
    throw new UpstreamFailure('http_protocol_error', 'registry', message, { cause: error });
  }
}

/** Opens what `sealPosition` sealed for this registry. */
export function openPosition(
  sealed: string,
  { registry, ticketKeys }: Deps,
):
  | { readonly kind: 'ok'; readonly position: CatalogPosition }
  | { readonly kind: 'refused'; readonly reason: UploadRefusal } {
  const opened = openUpload(ticketKeys(), { registry: registry.name, repository: CATALOG }, sealed);
  if (opened.kind === 'refused') return opened;
  const position = parsePosition(opened.url);
  return position === undefined ? { kind: 'refused', reason: 'malformed' } : { kind: 'ok', position };
}

/** Sealed by another version of Berth it may have another form. */
function parsePosition(text: string): CatalogPosition | undefined {
  try {
    const fields: unknown = JSON.parse(text);
    if (!Array.isArray(fields)) return undefined;
    const [count, url, after]: readonly unknown[] = fields;
    if (typeof count !== 'number' || typeof url !== 'string') return undefined;
    return { count, url, after: typeof after === 'string' ? after : undefined };
  } catch {
    return undefined;
  }
}
