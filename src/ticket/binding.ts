import { createHash } from 'node:crypto';

type BindingFields<Field extends string> = readonly (readonly [Field, string])[];

const WHOLE_BYTES = 16;
const MARK_BYTES = 2;

export function bindingBytes(fieldCount: number): number {
  return WHOLE_BYTES + MARK_BYTES * fieldCount;
}

/**
 * Ties sealed content to fields that do not stand in it: 16 bytes of SHA-256 over all of them (second preimages
 * cost 2^128), then a mark of 2 bytes for each. The marks decide nothing; they only tell which field differs.
 */
export function createBinding(fields: BindingFields<string>): Buffer {
  const whole = hash(fields.flatMap((field) => field)).subarray(0, WHOLE_BYTES);
  return Buffer.concat([whole, ...fields.map((field) => hash(field).subarray(0, MARK_BYTES))]);
}

/** The first field that differs; 'unknown' where they differ but the marks collide (one in 65536). */
export function checkBinding<Field extends string>(
  binding: Buffer,
  fields: BindingFields<Field>,
): 'ok' | Field | 'unknown' {
  const expected = createBinding(fields);
  if (binding.equals(expected)) return 'ok';
  for (const [index, [field]] of fields.entries()) {
    const start = WHOLE_BYTES + MARK_BYTES * index;
    const end = start + MARK_BYTES;
    if (!binding.subarray(start, end).equals(expected.subarray(start, end))) return field;
  }
  return 'unknown';
}

function hash(parts: readonly string[]): Buffer {
  // JSON keeps the parts apart whatever they hold: "ab","c" and "a","bc" must differ.
  return createHash('sha256').update(JSON.stringify(parts)).digest();
}
