import { errorCode } from '../system/error-code.ts';

/** What the log says about an error: named fields only, since errors of libraries carry whole requests with them. */
export type ErrorDescription = {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: ErrorDescription;
};

/** Longest message kept: enough to recognise it, too short for a page of HTML. */
const MAX_MESSAGE_CHARS = 500;
/** A failure of ours has a failure of undici's behind it, and that one of the socket's; deeper is noise. */
const MAX_CAUSES = 3;

/** Describes an error for the log; queries in its messages are taken out. With `stack` for faults of our own only. */
export function describeError(
  error: unknown,
  options: { stack: boolean } = { stack: false },
): ErrorDescription {
  return describe(error, options.stack, 0);
}

function describe(error: unknown, stack: boolean, depth: number): ErrorDescription {
  if (!(error instanceof Error)) return { name: typeof error, message: 'not an Error was thrown' };
  const code = codeOf(error);
  return {
    name: error.name,
    message: withoutQueries(error.message).slice(0, MAX_MESSAGE_CHARS),
    ...(code === undefined ? {} : { code }),
    ...(stack && error.stack !== undefined ? { stack: withoutQueries(error.stack) } : {}),
    ...(error.cause === undefined || depth >= MAX_CAUSES
      ? {}
      : { cause: describe(error.cause, stack, depth + 1) }),
  };
}

/** The `kind` or `code` of an error, where it has one. */
export function codeOf(error: Error): string | undefined {
  if ('kind' in error && typeof error.kind === 'string') return error.kind;
  return errorCode(error);
}

function withoutQueries(text: string): string {
  return text.replaceAll(/\?[^\s"'`)]+/g, '?REDACTED');
}
