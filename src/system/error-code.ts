/** The `code` of an Error (Node's `ENOENT` and its like); undefined where it has none, or is no Error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The same for a message: `unknown error` where there is none. */
export function describeCode(error: unknown): string {
  return errorCode(error) ?? 'unknown error';
}
