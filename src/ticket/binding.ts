import { hash } from 'node:crypto';

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
  return Buffer.concat([wholeOf(fields), ...fields.map(markOf)]);
}

/** The first field that differs; 'unknown' where they differ but the marks collide (one in 65536). */
export function checkBinding<Field extends string>(
  binding: Buffer,
  fields: BindingFields<Field>,
): 'ok' | Field | 'unknown' {
  const isWhole = binding.length === bindingBytes(fields.length);
  if (isWhole && binding.subarray(0, WHOLE_BYTES).equals(wholeOf(fields))) return 'ok';
  for (const [index, field] of fields.entries()) {
    const start = WHOLE_BYTES + MARK_BYTES * index;
    if (!binding.subarray(start, start + MARK_BYTES).equals(markOf(field))) return field[0];
  }
  return 'unknown';
}

function wholeOf(fields: BindingFields<string>): Buffer {
  return hashOf(fields.flat()).subarray(0, WHOLE_BYTES);
}

function markOf(field: readonly [string, string]): Buffer {
  return hashOf(field).subarray(0, MARK_BYTES);
}

function hashOf(parts: readonly string[]): Buffer {
  // JSON keeps the parts apart whatever they hold: "ab","c" and "a","bc" must differ.
  return hash('sha256', JSON.stringify(parts), 'buffer');
}
