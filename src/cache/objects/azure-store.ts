import { Agent } from 'node:https';
import type { Readable } from 'node:stream';
import {
  completeLengthOf,
  type ObjectStore,
  ObjectStoreError,
  openPart,
  partsOf,
  readPart,
  UnreadableContentError,
} from './object-store.ts';

export type AzureStoreOptions = {
  /** `https://<account>.blob.core.windows.net/<container>`, without a query. */
  readonly url: string;
  readonly credentials: AzureCredentials;
  /** PEM; undefined: the well-known authorities. */
  readonly authorities: string | undefined;
  /** Milliseconds until an answer's header section is in; bodies are the caller's to bound. */
  readonly timeoutMs: number;
};

export type AzureCredentials =
  | { readonly kind: 'key'; readonly account: string; readonly key: string }
  /** The query of a link, without `?`. */
  | { readonly kind: 'sas'; readonly query: string }
  /** Workload identity, managed identity and the rest of Azure's chain. */
  | { readonly kind: 'identity' };

/** Its own tries would hide from us that it is away. */
const TRIES = 1;

/** 416: it ends before what is wanted. */
const NOT_THERE: ReadonlySet<number> = new Set([404, 416]);
/** 409 and 412 have other reasons as well: a container that is being deleted, a policy, somebody's lease. */
const TAKEN: ReadonlySet<string> = new Set(['BlobAlreadyExists', 'ConditionNotMet']);

/** A container of Azure Blob Storage. The libraries are loaded here, for who has one. */
export async function openAzureStore(options: AzureStoreOptions): Promise<ObjectStore> {
  const { url, credentials, authorities, timeoutMs } = options;
  const { AnonymousCredential, ContainerClient, newPipeline, StorageSharedKeyCredential } = await import(
    '@azure/storage-blob'
  );
  const origin = `azure-blob:${new URL(url).host}${new URL(url).pathname}`;
  const agent = new Agent({ keepAlive: true, ...(authorities !== undefined && { ca: authorities }) });
  const pipeline = newPipeline(await credential(), { retryOptions: { maxTries: TRIES } });
  pipeline.factories.push({
    create: (next) => ({
      sendRequest: (request) => {
        request.agent = agent;
        return next.sendRequest(request);
      },
    }),
  });
  const target = credentials.kind === 'sas' ? `${url}?${credentials.query}` : url;
  const container = new ContainerClient(target, pipeline);

  async function credential() {
    if (credentials.kind === 'key')
      return new StorageSharedKeyCredential(credentials.account, credentials.key);
    if (credentials.kind === 'sas') return new AnonymousCredential();
    const { DefaultAzureCredential } = await import('@azure/identity');
    return new DefaultAzureCredential();
  }

  const inTime = (signal: AbortSignal): AbortSignal =>
    AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);

  return {
    origin,
    async get(name, range, signal) {
      const { firstPos, lastPos } = range;
      try {
        // Not `inTime`: that signal would end the body, too.
        const headers = new AbortController();
        const timer = setTimeout(() => headers.abort(), timeoutMs);
        const abortSignal = AbortSignal.any([signal, headers.signal]);
        const answer = await container
          .getBlobClient(name)
          .download(firstPos, lastPos - firstPos + 1, { abortSignal, maxRetryRequests: 0 })
          .finally(() => clearTimeout(timer));
        const body = answer.readableStreamBody as Readable;
        return openPart(body, () => completeLengthOf(answer.contentRange, range, origin));
      } catch (error) {
        if (NOT_THERE.has(statusOf(error) ?? 0)) return undefined;
        throw failure(error, origin);
      }
    },
    async put(name, content, signal) {
      const blob = container.getBlockBlobClient(name);
      const conditions = { ifNoneMatch: '*' };
      try {
        const parts = partsOf(content.length);
        const [only] = parts;
        if (parts.length === 1 && only !== undefined) {
          const bytes = await readPart(content, only);
          await blob.upload(bytes, bytes.length, { conditions, abortSignal: inTime(signal) });
          return 'stored';
        }
        const ids: string[] = [];
        for (const [index, part] of parts.entries()) {
          const id = Buffer.from(String(index).padStart(6, '0')).toString('base64');
          await blob.stageBlock(id, await readPart(content, part), part.bytes, {
            abortSignal: inTime(signal),
          });
          ids.push(id);
        }
        await blob.commitBlockList(ids, { conditions, abortSignal: inTime(signal) });
        return 'stored';
      } catch (error) {
        if (TAKEN.has(codeOf(error))) return 'exists';
        throw failure(error, origin);
      }
    },
    async length(name, signal) {
      try {
        const { contentLength } = await container
          .getBlobClient(name)
          .getProperties({ abortSignal: inTime(signal) });
        return contentLength;
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw failure(error, origin);
      }
    },
    async remove(name, signal) {
      try {
        await container.getBlobClient(name).deleteIfExists({ abortSignal: inTime(signal) });
      } catch (error) {
        throw failure(error, origin);
      }
    },
    close: () => agent.destroy(),
  };
}

function statusOf(error: unknown): number | undefined {
  return typeof error === 'object' &&
    error !== null &&
    'statusCode' in error &&
    typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined;
}

function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string')
    return error.code;
  return error instanceof Error ? error.name : 'unknown error';
}

/** Azure's own messages may quote the request, and a request may have its signature in the URL: only the code is kept. */
function failure(error: unknown, origin: string): Error {
  if (error instanceof ObjectStoreError || error instanceof UnreadableContentError) return error;
  const status = statusOf(error);
  return new ObjectStoreError(
    `${origin}: ${status === undefined ? '' : `${status} `}${codeOf(error)}`,
    status,
  );
}
