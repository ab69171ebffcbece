import type { SharedScope } from './shared-decisions.ts';

/** The upstream's answer to «may these credentials have this content?», with what it said along with it. */
export type Verdict<T> = {
  /** Of what came along: a document, header fields, a location. Left out: less than a kilobyte. */
  readonly bytes?: number;
} & (
  | {
      readonly kind: 'allowed';
      readonly value: T;
      /** Unix milliseconds after which what came along (a location) is of no use; what is kept here needs none. */
      readonly usableUntil?: number;
      /** The upstream can not be asked; this is what it said at that time, Unix milliseconds (C10). */
      readonly staleSince?: number;
      /** It was said to everybody (C8). */
      readonly isPublic?: true;
    }
  /** `value` is the upstream's own answer, to pass on. */
  | { readonly kind: 'refused'; readonly status: number; readonly value: T }
);

/** Who asks for what. */
export type Subject = {
  readonly registry: string;
  readonly repository: string;
  /** What is asked for, with its kind: everything beside the credentials that the answer depends on. */
  readonly subject: string;
  readonly authorization: string | undefined;
  /** As what it is known to other replicas; left out: it is not. */
  readonly shared?: SharedScope | undefined;
};

export type Question<T> = Subject & {
  readonly ttlSeconds: number;
  /** 404 may be kept: nobody pushes through here. */
  readonly readOnly: boolean;
  /** Asks as Berth itself, without the caller's credentials; undefined: no public probe. */
  readonly probe: ((signal: AbortSignal) => Promise<Verdict<T>>) | undefined;
  readonly ask: (signal: AbortSignal) => Promise<Verdict<T>>;
  /** What was allowed before may stand in for an upstream that can not be asked; left out: its failure is passed on. */
  readonly stale?: Stale<T> | undefined;
};

type Stale<T> = {
  /** Seconds since the upstream was last asked. */
  readonly seconds: number;
  /** Whether that answer is of any use now. */
  usable(value: T): boolean;
};
