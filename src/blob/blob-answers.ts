import { randomBytes } from 'node:crypto';
import { multipartByteranges } from '../http/multipart-byteranges.ts';
import type { ByteRange, RangeSpec } from '../http/range.ts';
import { satisfiableRanges } from '../http/satisfiable-ranges.ts';
import type { Digest } from '../oci/digest.ts';
import { statusError } from '../oci/status-error.ts';
import type { BufferPool } from '../upstream/buffer-pool.ts';
import { UpstreamFailure, type UpstreamRole } from '../upstream/failure.ts';
import type { BlobLengths } from './blob-lengths.ts';
import { asSpec, type BlobOpener, type BlobOrigin } from './blob-opener.ts';
import { BLOB_TYPE, contentHeaders, headersOf } from './content-headers.ts';
import { type Verifier, verifierOf } from './hold-back.ts';
import type { LazySource } from './lazy-source.ts';
import { endOfAscent, multipartContent } from './multipart-content.ts';
import type { BlobContent } from './open-blob.ts';
import { planRuns } from './plan-runs.ts';
import type { RequestedRanges } from './requested-ranges.ts';

/** 128 bits: whoever made the blob can not have put the boundary into it. */
const BOUNDARY_BYTES = 16;

export type BlobRequest = {
  readonly registry: string;
  readonly digest: Digest;
  readonly source: LazySource;
  /** What the source is, for failures. */
  readonly where: UpstreamRole;
  /** Bytes, where the registry or a ticket told. */
  readonly statedLength: number | undefined;
};

/** Content that is open, and how it is to be sent. Either `content.pipe` or `content.cancel` must be called. */
export type BlobAnswer = {
  readonly status: 200 | 206;
  readonly headers: Record<string, string>;
  readonly content: BlobContent;
  readonly verifier: Verifier | undefined;
  /** Where the bytes come from that are delivered now. */
  readonly from: () => BlobOrigin;
};

export type BlobAnswers = {
  /**
   * What a request for these ranges is answered (D5, D6).
   * @throws OciError 416; else as `BlobOpener.open`
   */
  open(blob: BlobRequest, asked: RequestedRanges, signal: AbortSignal): Promise<BlobAnswer>;
  /** Bytes of the blob, kept or asked for. @throws as `BlobOpener.length` */
  length(blob: BlobRequest, signal: AbortSignal): Promise<number>;
};

export function createBlobAnswers(deps: {
  readonly opener: BlobOpener;
  readonly lengths: BlobLengths;
  readonly pool: BufferPool;
}): BlobAnswers {
  const { opener, lengths, pool } = deps;

  const known = ({ registry, digest, statedLength }: BlobRequest) =>
    statedLength ?? lengths.get(registry, digest);

  async function lengthOf(blob: BlobRequest, signal: AbortSignal): Promise<number> {
    const { digest, source } = blob;
    return known(blob) ?? opener.length({ digest, source, signal });
  }

  /** @param range undefined for the whole blob */
  async function openOne(
    blob: BlobRequest,
    range: RangeSpec | undefined,
    knownLength: number | undefined,
    signal: AbortSignal,
  ): Promise<BlobAnswer> {
    const { registry, digest, source } = blob;
    let opening = await opener.open({ digest, scope: blob.registry, source, range, knownLength, signal });
    if (opening.result.kind === 'unsatisfiable' && knownLength !== undefined) {
      const length = await askLengthAgain(blob, signal);
      if (length !== knownLength) {
        opening = await opener.open({
          digest,
          scope: blob.registry,
          source,
          range,
          knownLength: length,
          signal,
        });
      }
    }
    const { from, result } = opening;
    if (result.kind === 'unsatisfiable') {
      // Not kept: what one wrong 416 said would be said to everybody.
      throw rangeNotSatisfiable(result.completeLength);
    }
    if (blob.statedLength !== undefined && result.completeLength !== blob.statedLength) {
      result.cancel();
      throw otherContent(blob);
    }
    lengths.set(registry, digest, result.completeLength);
    return {
      status: result.range === undefined ? 200 : 206,
      headers: headersOf(result, digest),
      content: result,
      verifier: verifierOf(result, digest),
      from,
    };
  }

  /**
   * A known length is the word of one answer: before it refuses anything, the source is asked again.
   * @throws UpstreamFailure where the registry's own word was another
   */
  async function askLengthAgain(blob: BlobRequest, signal: AbortSignal): Promise<number> {
    const { registry, digest, source, statedLength } = blob;
    const length = await opener.length({ digest, source, signal });
    if (statedLength !== undefined && length !== statedLength) throw otherContent(blob);
    lengths.set(registry, digest, length);
    return length;
  }

  async function openSeveral(
    blob: BlobRequest,
    specs: readonly RangeSpec[],
    knownLength: number | undefined,
    signal: AbortSignal,
  ): Promise<BlobAnswer> {
    const { registry, digest, source } = blob;
    let length = knownLength ?? (await opener.length({ digest, source, signal }));
    let ranges = satisfiableRanges(specs, length);
    if (ranges.length === 0 && knownLength !== undefined) {
      length = await askLengthAgain(blob, signal);
      ranges = satisfiableRanges(specs, length);
    }
    const [only, second] = ranges;
    if (only === undefined) throw rangeNotSatisfiable(length);
    if (second === undefined) return openOne(blob, asSpec(only), length, signal);
    const runs = planRuns(ranges);
    const firstRun = runs?.[0];
    if (runs === undefined || firstRun === undefined) {
      return openOne(blob, undefined, length, signal);
    }
    const open = (range: ByteRange, throughTo: number) =>
      opener.open({
        digest,
        scope: blob.registry,
        source,
        range: asSpec(range),
        throughTo,
        knownLength: length,
        signal,
      });
    const ascent = endOfAscent(ranges, 0);
    let { from, result: first } = await open(firstRun, ascent);
    if (first.kind === 'unsatisfiable') throw rangeNotSatisfiable(first.completeLength);
    const goesBack = ascent !== ranges.at(-1)?.lastPos;
    if (first.completeLength !== length || (first.rangeIgnored === true && goesBack)) {
      // The length that the ranges were planned by is wrong; or a source sends the whole for each that goes back.
      first.cancel();
      return openOne(blob, undefined, first.completeLength, signal);
    }
    lengths.set(registry, digest, length);
    const frame = multipartByteranges(ranges, {
      completeLength: length,
      partType: BLOB_TYPE,
      boundary: randomBytes(BOUNDARY_BYTES).toString('hex'),
    });
    const content = multipartContent({
      ranges,
      runs,
      frame,
      first,
      async open(range, throughTo) {
        const next = await open(range, throughTo);
        from = next.from;
        return next.result;
      },
      pool,
      where: blob.where,
    });
    return {
      status: 206,
      headers: { ...contentHeaders(digest, frame.contentLength), 'content-type': frame.contentType },
      content,
      verifier: undefined,
      from: () => from(),
    };
  }

  return {
    length: lengthOf,
    async open(blob, asked, signal) {
      switch (asked.kind) {
        case 'unsatisfiable':
          throw rangeNotSatisfiable(await lengthOf(blob, signal));
        case 'several':
          return openSeveral(blob, asked.specs, known(blob), signal);
        case 'one':
          return openOne(blob, asked.spec, known(blob), signal);
        case 'whole':
          return openOne(blob, undefined, known(blob), signal);
      }
    },
  };
}

/** K4: what the registry has is not what is kept, so that it gives it out is no leave to have this. */
function otherContent({ where, statedLength }: BlobRequest): Error {
  const message = `the registry says that the blob has ${statedLength} bytes, which is not its length`;
  return new UpstreamFailure('http_protocol_error', where, message);
}

function rangeNotSatisfiable(completeLength: number): Error {
  return statusError(416, {
    message: `The blob has ${completeLength} bytes; none of the ranges asked for lies within.`,
    headers: { 'content-range': `bytes */${completeLength}` },
  });
}
