import { readFile } from 'node:fs/promises';
import { openAzureStore } from './azure-store.ts';
import type { ObjectStore } from './object-store.ts';
import { openS3Store } from './s3-store.ts';

/** See `ObjectStoreConfig` of the configuration. */
export type ObjectStoreOptions = {
  readonly prefix: string;
  readonly caFile: string | null;
  readonly timeoutSeconds: number;
  readonly credentialsFile: string | null;
} & (
  | { readonly kind: 'azure-blob'; readonly url: string }
  | { readonly kind: 's3'; readonly url: string | null; readonly bucket: string; readonly region: string }
);

/** The message is for the operator: which file, what is wrong, what to do. */
export class ObjectStoreConfigError extends Error {
  override readonly name = 'ObjectStoreConfigError';
  readonly code = 'object_store_credentials';
}

/**
 * The store that the configuration names. It is not asked anything yet: one that is away is no reason not to start.
 * @throws {ObjectStoreConfigError} where a file that is named can not be read or understood
 */
export async function openObjectStore(options: ObjectStoreOptions): Promise<ObjectStore> {
  const authorities = options.caFile === null ? undefined : await readText(options.caFile);
  const text =
    options.credentialsFile === null ? undefined : firstLine(await readText(options.credentialsFile));
  const timeoutMs = options.timeoutSeconds * 1000;
  const store =
    options.kind === 'azure-blob'
      ? await openAzureStore({
          url: options.url.replace(/\/$/, ''),
          credentials: azureCredentials(text, options.credentialsFile),
          authorities,
          timeoutMs,
        })
      : await openS3Store({
          endpoint: options.url ?? undefined,
          bucket: options.bucket,
          region: options.region,
          credentials: s3Credentials(text, options.credentialsFile),
          authorities,
          timeoutMs,
        });
  return withPrefix(store, options.prefix);
}

function withPrefix(store: ObjectStore, prefix: string): ObjectStore {
  return {
    origin: store.origin,
    get: (name, range, signal) => store.get(`${prefix}${name}`, range, signal),
    put: (name, content, signal) => store.put(`${prefix}${name}`, content, signal),
    length: (name, signal) => store.length(`${prefix}${name}`, signal),
    remove: (name, signal) => store.remove(`${prefix}${name}`, signal),
    close: () => store.close(),
  };
}

function azureCredentials(text: string | undefined, file: string | null) {
  if (text === undefined) return { kind: 'identity' } as const;
  if (/(^|[?&])sig=/.test(text)) return { kind: 'sas', query: text.replace(/^\?/, '') } as const;
  const [account, key] = halves(text, file, '<account>:<key>, or the query of a SAS link');
  return { kind: 'key', account, key } as const;
}

function s3Credentials(text: string | undefined, file: string | null) {
  if (text === undefined) return undefined;
  const [accessKeyId, secretAccessKey] = halves(text, file, '<access key id>:<secret access key>');
  return { accessKeyId, secretAccessKey };
}

function halves(text: string, file: string | null, form: string): [string, string] {
  const at = text.indexOf(':');
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
  throw new ObjectStoreConfigError(`cache.store.credentialsFile ${file}: its first line must be ${form}`);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new ObjectStoreConfigError(
      `cache.store: ${file} can not be read: check that it is there, its owner and its mode`,
      {
        cause: error,
      },
    );
  }
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? '';
}
