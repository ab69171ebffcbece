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
