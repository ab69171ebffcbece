import { createFieldScanner, type FieldScanner } from './field-scanner.ts';

/** One challenge of a WWW-Authenticate field (RFC 9110 section 11.3). */
export type Challenge = {
  /** As it came; schemes are compared without regard to case, see `isScheme`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly params: ReadonlyMap<string, string>;
  /** In place of parameters (`Negotiate …`). */
  readonly token68?: string;
};

// Node's own limit for a whole header section is 16 KiB; real challenges stay under 1 KiB.
const MAX_LENGTH = 8192;
const MAX_CHALLENGES = 16;
const MAX_PARAMS = 32;

/**
 * The challenges of one field value, at most 16. Never throws. Reading ends at the first place that breaks the grammar: the
 * challenges before it are returned, the broken one is not. A parameter named twice breaks it too, since two readers
 * could choose differently.
 */
export function parseChallenges(value: string): Challenge[] {
  const challenges: Challenge[] = [];
  if (value.length > MAX_LENGTH) return challenges;
  const scanner = createFieldScanner(value);
  skipSeparators(scanner);
  while (!scanner.done() && challenges.length < MAX_CHALLENGES) {
    const challenge = takeChallenge(scanner);
    if (challenge === undefined) return challenges;
    challenges.push(challenge);
  }
  return challenges;
}

/** Whether the challenge has that scheme, whatever its case. */
export function isScheme(challenge: Challenge, scheme: string): boolean {
  return challenge.scheme.toLowerCase() === scheme.toLowerCase();
}

/**
 * Inverse of `parseChallenges` for one challenge, every value as a quoted-string: Docker's parser wants `realm`, `service` and
 * `scope` so. Throws TypeError for a value that no field can carry (control characters, anything above U+00FF).
 */
export function formatChallenge(challenge: Challenge): string {
  if (challenge.token68 !== undefined) return `${challenge.scheme} ${challenge.token68}`;
  const params = [...challenge.params].map(([name, value]) => `${name}=${quote(name, value)}`);
  return params.length === 0 ? challenge.scheme : `${challenge.scheme} ${params.join(',')}`;
}

function quote(name: string, value: string): string {
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    throw new TypeError(`Challenge parameter ${name} has a character that a header field can not carry`);
  }
  return `"${value.replace(/["\\]/g, String.raw`\$&`)}"`;
}

function takeChallenge(scanner: FieldScanner): Challenge | undefined {
  const scheme = scanner.takeToken();
  if (scheme === undefined) return undefined;
  const params = new Map<string, string>();
  // Scheme alone, at the end or before the next one.
  if (endOfChallenge(scanner)) return { scheme, params };
  if (!scanner.take(' ')) return undefined;
  scanner.skipOws();
  if (endOfChallenge(scanner)) return { scheme, params };

  const start = scanner.position();
  const token68 = scanner.takeToken68();
  if (token68 !== undefined && endOfChallenge(scanner)) return { scheme, params, token68 };
  scanner.moveTo(start);

  for (;;) {
    const param = takeParam(scanner);
    if (param === undefined || params.has(param.name) || params.size >= MAX_PARAMS) return undefined;
    params.set(param.name, param.value);
    scanner.skipOws();
    if (scanner.done()) return { scheme, params };
    if (!scanner.take(',')) return undefined;
    skipSeparators(scanner);
    if (scanner.done() || !atParam(scanner)) return { scheme, params };
  }
}

/** After a comma: another parameter of this challenge (`name=`), or the next challenge? */
function atParam(scanner: FieldScanner): boolean {
  const start = scanner.position();
  scanner.takeToken();
  scanner.skipOws();
  const found = scanner.take('=');
  scanner.moveTo(start);
  return found;
}

function takeParam(scanner: FieldScanner): { name: string; value: string } | undefined {
  const name = scanner.takeToken()?.toLowerCase();
  if (name === undefined) return undefined;
  // "Bad" whitespace around the sign is for recipients to accept (RFC 9110 section 11.2).
  scanner.skipOws();
  if (!scanner.take('=')) return undefined;
  scanner.skipOws();
  const value = scanner.takeQuotedString() ?? scanner.takeToken();
  return value === undefined ? undefined : { name, value };
}

/** At the end of the value, or past a comma. */
function endOfChallenge(scanner: FieldScanner): boolean {
  const start = scanner.position();
  scanner.skipOws();
  if (scanner.done()) return true;
  if (scanner.take(',')) {
    skipSeparators(scanner);
    return true;
  }
  scanner.moveTo(start);
  return false;
}

/** Empty list elements are to be skipped (RFC 9110 section 5.6.1). */
function skipSeparators(scanner: FieldScanner): void {
  do scanner.skipOws();
  while (scanner.take(','));
}
