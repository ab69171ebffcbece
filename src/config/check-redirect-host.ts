import { isIP } from 'node:net';

import { parseHost } from '../http/host.ts';
import type { ConfigPath, Finding } from './problem.ts';

/** Top-level names that nobody on the internet can register (RFC 2606, RFC 6761, RFC 6762). */
const PRIVATE_TOP_LEVEL = new Set(['localhost', 'test', 'internal', 'local']);

/**
 * A host pattern of `redirectHosts` or of a region's `match`. As a permission, a wildcard must leave at least two
 * labels as they are: `*.com` would be the way out to somebody else's storage that Berth is there to close.
 */
export function checkHostPattern(
  pattern: string,
  path: ConfigPath,
  use: 'permits' | 'maps',
): readonly Finding[] {
  // A wildcard may stand where a host has letters, so the pattern is a host once letters stand there.
  const host = parseHost(pattern.replaceAll('*', 'x'), 'https');
  if (host === undefined) {
    const hint = 'write host or host:port, * for one or more characters other than a dot, no scheme, no path';
    return [{ path, message: `"${pattern}" is not a host pattern`, hint }];
  }
  if (use === 'maps' || !pattern.includes('*')) return [];
  const labels = pattern.replace(/:[0-9]+$/, '').split('.');
  const literal = labels.filter((label) => !label.includes('*'));
  const last = labels.at(-1) ?? '';
  const enough = literal.length >= 2 || (labels.length >= 2 && PRIVATE_TOP_LEVEL.has(last.toLowerCase()));
  const address = isIP(labels.map((label) => label.replaceAll('*', '1')).join('.')) !== 0;
  if (!last.includes('*') && enough && !address) return [];
  const hint =
    'name at least the last two labels in full, such as *.blob.core.windows.net, or the host itself without a wildcard';
  return [{ path, message: `"${pattern}" permits hosts of anybody`, hint }];
}

/** A regular expression over a whole path. */
export function checkPathPattern(pattern: string, path: ConfigPath): readonly Finding[] {
  try {
    RegExp(`^(?:${pattern})$`);
    return [];
  } catch (error) {
    const message = error instanceof Error ? error.message : 'is not a regular expression';
    const hint =
      'write a JavaScript regular expression that matches the whole path; / and . need care: \\. is a dot';
    return [{ path, message, hint }];
  }
}
