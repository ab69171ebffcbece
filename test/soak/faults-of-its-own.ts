/**
 * The lines of a Berth's log that say that it failed itself, whatever happened on a line: a 500 of its own, a reset that it gave for
 * wrong bytes, and what nobody has caught. An upstream's 500 is passed on as it is (docs/request-handling.md H5), and names no failure.
 */
export function faultsOfItsOwn(log: string): string[] {
  return log.split('\n').filter((line) => line !== '' && isOwn(line));
}

function isOwn(line: string): boolean {
  // Not from the logger: Node's own last words.
  if (!line.startsWith('{')) return true;
  if (/"level":"fatal"|"failure":"(internal_error|digest_mismatch)"/.test(line)) return true;
  return line.includes('"status":500') && line.includes('"failure":');
}
