import { strongEntityTag } from '../http/entity-tag.ts';
import type { Slab } from '../upstream/buffer-pool.ts';
import { classifyFailure, UpstreamFailure } from '../upstream/failure.ts';
import { type Answer, ask } from './ask-source.ts';
import type { BlobSource } from './blob-source.ts';
import { LocalFailure } from './local-failure.ts';
import type { OpenAnswer } from './open-answer.ts';
import type { BlobContent, BlobFailure, BlobSink } from './open-blob.ts';
import { readAnswer } from './read-answer.ts';
import { BODY_RESUME_LIMITS } from './resume.ts';
import { createResumeSource, type ResumeDeps, type ResumeSource } from './resume-source.ts';
import { WindowSink } from './window-sink.ts';

/**
 * The bytes of a blob, or of one range, as one uninterrupted body, however often its source breaks off: each time it goes on at
 * its byte (E1). Two bodies are never mixed where nobody would notice: the host that the body began at must have the same one
 * still (If-Match), and where the whole passes its digest is looked at in any case (E2).
 */
export class ResumedBody implements BlobContent {
  readonly length: number;
  private readonly end: number;
  private readonly completeLength: number;
  private readonly sources: ResumeSource;
  private readonly signal: AbortSignal;
  private readonly ending = new AbortController();
  private readonly first: OpenAnswer;
  /** What each host calls the body; undefined where it has no strong name for it, or more than one, so that none is compared. */
  private readonly tags = new Map<string, string | undefined>();
  /** Hosts that have another body now. */
  private readonly distrusted = new Set<string>();
  /** Bytes before the position that sources which ignore Range may still send again: one transfer's worth. */
  private skipBudget: number;
  private answer: Answer | undefined;
  private sink: BlobSink | undefined;
  private position: number;
  /** Bytes since the last failure. */
  private moved = 0;
  private isPaused = false;
  private isOver = false;

  constructor(first: OpenAnswer, source: BlobSource, signal: AbortSignal, deps: ResumeDeps) {
    this.first = first;
    this.answer = first.answer;
    this.completeLength = first.completeLength;
    this.skipBudget = first.completeLength;
    this.position = first.firstPos;
    this.end = first.lastPos + 1;
    this.length = Math.max(0, this.end - first.firstPos);
    this.signal = signal;
    this.learnTag(first.answer);
    this.sources = createResumeSource(source, deps, BODY_RESUME_LIMITS);
  }

  pipe(sink: BlobSink): void {
    this.sink = sink;
    this.flow(this.first.answer, this.first.bodyFrom);
  }

  pause(): void {
    this.isPaused = true;
    this.answer?.transfer.pause();
  }

  resume(): void {
    this.isPaused = false;
    this.answer?.transfer.resume();
  }

  cancel(): void {
    this.isOver = true;
    this.ending.abort(new LocalFailure('the transfer was cancelled'));
    this.answer?.cancel();
  }

  private flow(answer: Answer, bodyFrom: number): void {
    this.answer = answer;
    const part: BlobSink = {
      data: (chunk, slab) => this.data(chunk, slab),
      end: () => this.finish(),
      failed: (failure) => this.broken(failure),
    };
    answer.sink = new WindowSink(part, answer, this.position - bodyFrom, this.end - this.position);
    if (!this.isPaused) answer.transfer.resume();
  }

  private data(chunk: Buffer, slab: Slab | undefined): void {
    this.position += chunk.length;
    this.moved += chunk.length;
    this.sink?.data(chunk, slab);
  }

  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.sink?.end();
  }

  private broken(failure: BlobFailure): void {
    if (this.isOver) return;
    // Its last byte is here: what comes after it is nobody's business.
    if (this.position === this.end) {
      this.finish();
      return;
    }
    this.answer = undefined;
    this.goOn(failure).catch((error: unknown) => this.giveUp(error));
  }

  private giveUp(error: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    const { where } = this.first.answer;
    this.sink?.failed(error instanceof LocalFailure ? error : classifyFailure(error, where));
  }

  private async goOn(first: unknown): Promise<void> {
    const signal = AbortSignal.any([this.signal, this.ending.signal]);
    let failure = first;
    for (;;) {
      const facts = { bytes: this.moved, retryable: () => !this.distrusted.has(this.sources.current.origin) };
      this.moved = 0;
      await this.sources.recover(failure, facts, signal);
      try {
        const { answer, bodyFrom } = await this.reopen(signal);
        if (this.isOver) answer.cancel();
        else this.flow(answer, bodyFrom);
        return;
      } catch (error) {
        failure = error;
      }
    }
  }

  private async reopen(signal: AbortSignal): Promise<{ answer: Answer; bodyFrom: number }> {
    const range = { firstPos: this.position, lastPos: this.end - 1 };
    const source = await this.sources.take(signal);
    const answer = await ask({ source, signal }, range, (origin) => this.tags.get(origin));
    try {
      this.checkTag(answer);
      const read = readAnswer(answer.status, answer.headers, range, this.completeLength);
      if (read.kind !== 'content') {
        const { failure, message, ...facts } =
          read.kind === 'failed'
            ? read
            : {
                failure: 'http_protocol_error' as const,
                message: `no bytes from ${this.position} on (${read.kind})`,
              };
        throw new UpstreamFailure(failure, answer.where, message, facts);
      }
      this.skipBudget -= this.position - read.bodyFrom;
      if (this.skipBudget < 0) throw new UpstreamFailure('content_too_large', answer.where, SENT_TOO_OFTEN);
      this.learnTag(answer);
      return { answer, bodyFrom: read.bodyFrom };
    } catch (error) {
      answer.cancel();
      throw error;
    }
  }

  /** @throws UpstreamFailure with status 412 where the host has another body than the one that it sent before */
  private checkTag({ source: { origin }, status, headers, where }: Answer): void {
    const tag = this.tags.get(origin);
    const now = strongEntityTag(headers.etag);
    const isOther = tag !== undefined && (status === 412 || (now !== undefined && now !== tag));
    if (isOther) {
      this.tags.set(origin, undefined);
      // The whole is proved by its digest, whatever the host calls it now; a range by nothing.
      if (this.length !== this.completeLength) this.distrusted.add(origin);
    }
    if (isOther || this.distrusted.has(origin)) {
      throw new UpstreamFailure('http_protocol_error', where, 'another body than the one begun', {
        status: 412,
      });
    }
  }

  private learnTag({ source: { origin }, headers }: Answer): void {
    if (!this.tags.has(origin)) this.tags.set(origin, strongEntityTag(headers.etag));
  }
}

const SENT_TOO_OFTEN = 'a source that ignores Range would have to send the blob a third time';
