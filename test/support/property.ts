import * as fc from 'fast-check';
import type { Test } from 'tap';

/**
 * One tap assertion for a whole property; on failure it shows the smallest counterexample. The predicate returns false or throws
 * (`node:assert`) where it does not hold.
 */
export function holds<Values>(t: Test, name: string, property: fc.IRawProperty<Values, false>): void {
  const result = fc.check(property);
  if (result.failed) t.fail(name, { counterexample: fc.defaultReportMessage(result) });
  else t.pass(name);
}

/** Strings of these characters alone. */
export function stringOf(
  characters: string,
  constraints: { readonly minLength?: number; readonly maxLength?: number } = {},
): fc.Arbitrary<string> {
  return fc.string({ ...constraints, unit: fc.constantFrom(...characters.split('')) });
}

/** `holds` for what takes its time, the counterexample as it was found: to make it smaller would take too long. */
export async function holdsInTime<Values>(
  t: Test,
  name: string,
  property: fc.IAsyncProperty<Values>,
  runs: number,
): Promise<void> {
  const result = await fc.check(property, { numRuns: runs, endOnFailure: true });
  if (result.failed) {
    t.fail(name, { counterexample: fc.defaultReportMessage(result), error: String(result.errorInstance) });
  } else t.pass(name);
}
