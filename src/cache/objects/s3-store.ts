import { Agent } from 'node:https';
import type { Readable } from 'node:stream';
import {
  completeLengthOf,
  type ObjectContent,
  type ObjectStore,
  ObjectStoreError,
  openPart,
  partsOf,
  readPart,
  UnreadableContentError,
} from './object-store.ts';

export type S3StoreOptions = {
  /** Origin of the server; undefined: AWS's own, by region. */
  readonly endpoint: string | undefined;
  readonly bucket: string;
  readonly region: string;
  /** Undefined: the chain of AWS (environment, web identity, instance). */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** PEM; undefined: the well-known authorities. */
  readonly authorities: string | undefined;
  /** Milliseconds until an answer's header section is in; bodies are the caller's to bound. */
  readonly timeoutMs: number;
};

/** A bucket of S3 or of a server that speaks like it. The library is loaded here, for who has one. */
export async function openS3Store(options: S3StoreOptions): Promise<ObjectStore> {
  const { endpoint, bucket, region, credentials, authorities, timeoutMs } = options;
  const aws = await import('@aws-sdk/client-s3');
  const origin = `s3:${endpoint === undefined ? region : new URL(endpoint).host}/${bucket}`;
  const client = new aws.S3Client({
    region,
    // Its own tries would hide from us that it is away.
    maxAttempts: 1,
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(credentials !== undefined && { credentials }),
    requestHandler: {
      connectionTimeout: timeoutMs,
      ...(authorities !== undefined && { httpsAgent: new Agent({ keepAlive: true, ca: authorities }) }),
    },
    // Other servers do not know all of the newer checksums; blobs have their digest.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const inTime = (signal: AbortSignal) => ({
    abortSignal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });

  async function putParts(name: string, content: ObjectContent, signal: AbortSignal): Promise<void> {
    const object = { Bucket: bucket, Key: name };
    const { UploadId } = await client.send(new aws.CreateMultipartUploadCommand(object), inTime(signal));
    try {
      const done: { ETag: string | undefined; PartNumber: number }[] = [];
      for (const [index, part] of partsOf(content.length).entries()) {
        const PartNumber = index + 1;
        const Body = await readPart(content, part);
        const { ETag } = await client.send(
          new aws.UploadPartCommand({ ...object, UploadId, PartNumber, Body }),
          inTime(signal),
        );
        done.push({ ETag, PartNumber });
      }
      await client.send(
        new aws.CompleteMultipartUploadCommand({
          ...object,
          UploadId,
          IfNoneMatch: '*',
          MultipartUpload: { Parts: done },
        }),
        inTime(signal),
      );
    } catch (error) {
      // Parts of an upload that nobody completes cost money. With a time of its own: `signal` may be why it failed.
      const abort = new aws.AbortMultipartUploadCommand({ ...object, UploadId });
      await client.send(abort, { abortSignal: AbortSignal.timeout(timeoutMs) }).catch(() => undefined);
      throw error;
    }
  }

  async function length(name: string, signal: AbortSignal): Promise<number | undefined> {
    try {
      const head = new aws.HeadObjectCommand({ Bucket: bucket, Key: name });
      return (await client.send(head, inTime(signal))).ContentLength;
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw failure(error, origin);
    }
  }

  return {
    origin,
    async get(name, range, signal) {
      const { firstPos, lastPos } = range;
      const headers = new AbortController();
      const timer = setTimeout(() => headers.abort(), timeoutMs);
      try {
        const answer = await client.send(
          new aws.GetObjectCommand({ Bucket: bucket, Key: name, Range: `bytes=${firstPos}-${lastPos}` }),
          // Not `inTime`: that signal would end the body, too.
          { abortSignal: AbortSignal.any([signal, headers.signal]) },
        );
        const body = answer.Body as Readable;
        return openPart(body, () => completeLengthOf(answer.ContentRange, range, origin));
      } catch (error) {
        // 416: it ends before what is wanted.
        if (statusOf(error) === 404 || statusOf(error) === 416) return undefined;
        throw failure(error, origin);
      } finally {
        clearTimeout(timer);
      }
    },
    async put(name, content, signal) {
      try {
        const [only, ...others] = partsOf(content.length);
        if (only === undefined || others.length > 0) await putParts(name, content, signal);
        else {
          const Body = await readPart(content, only);
          const object = { Bucket: bucket, Key: name, Body, IfNoneMatch: '*' };
          await client.send(new aws.PutObjectCommand(object), inTime(signal));
        }
        return 'stored';
      } catch (error) {
        const status = statusOf(error);
        if (status === 412) return 'exists';
        // Somebody else is at it, and may have brought it by now, or not.
        if (status === 409 && (await length(name, signal)) !== undefined) return 'exists';
        throw failure(error, origin);
      }
    },
    length,
    async remove(name, signal) {
      try {
        await client.send(new aws.DeleteObjectCommand({ Bucket: bucket, Key: name }), inTime(signal));
      } catch (error) {
        throw failure(error, origin);
      }
    },
    close: () => client.destroy(),
  };
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const { $metadata: metadata } = error;
  return typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
    ? Number(metadata.httpStatusCode)
    : undefined;
}

function failure(error: unknown, origin: string): Error {
  if (error instanceof ObjectStoreError || error instanceof UnreadableContentError) return error;
  const status = statusOf(error);
  const code = error instanceof Error ? error.name : 'unknown error';
  return new ObjectStoreError(`${origin}: ${status === undefined ? '' : `${status} `}${code}`, status);
}
