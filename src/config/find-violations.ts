import { isRecord } from './complete.ts';
import type { JsonSchema, JsonType } from './json-schema.ts';
import type { ConfigPath } from './problem.ts';

/** Those that `BROKEN` judges, and those about fields by name. */
type Keyword =
  | 'type'
  | 'maximum'
  | 'minimum'
  | 'maxLength'
  | 'minLength'
  | 'pattern'
  | 'enum'
  | 'maxItems'
  | 'minItems'
  | 'required'
  | 'additionalProperties';

export type Violation = {
  /** Of the field, or of the group that has a field too many or too few. */
  readonly path: ConfigPath;
  readonly keyword: Keyword;
  /** The part of the schema that is violated, and what violates it. */
  readonly schema: JsonSchema;
  readonly data: unknown;
  /** Of the field that is missing (`required`) or not known (`additionalProperties`). */
  readonly name?: string;
};

/**
 * All that JSON Schema (draft 7) has against a value, of the part that `JsonSchema` names. ajv, which the tests hold it
 * against, turns a schema into a program first: at every start 80 ms of CPU and 6 MB.
 */
export function findViolations(schema: JsonSchema, data: unknown, path: ConfigPath = []): Violation[] {
  const violated = (keyword: Keyword) => ({ path, keyword, schema, data });
  const found: Violation[] = BROKEN.flatMap(([keyword, isBroken]) =>
    schema[keyword] !== undefined && isBroken(schema, data) ? [violated(keyword)] : [],
  );
  const { items, properties = {} } = schema;
  if (Array.isArray(data) && items !== undefined) {
    found.push(...data.flatMap((item: unknown, index) => findViolations(items, item, [...path, index])));
  }
  if (!isRecord(data)) return found;
  for (const name of schema.required ?? []) {
    if (data[name] === undefined) found.push({ ...violated('required'), name });
  }
  for (const [name, value] of Object.entries(data)) {
    const field = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (field === undefined) {
      if (schema.additionalProperties === false) found.push({ ...violated('additionalProperties'), name });
    } else if (value !== undefined) {
      found.push(...findViolations(field, value, [...path, name]));
    }
  }
  return found;
}

/** Characters of a text are its code points (RFC 8259 §1), not JavaScript's units. */
const lengthOf = (text: string): number => Array.from(text).length;

/** Infinities and NaN, which YAML has and JSON has not, are no numbers. */
const isNumber = (data: unknown): data is number => Number.isFinite(data);

/** A keyword about a kind of value says nothing about others. */
const BROKEN: readonly (readonly [Keyword, (schema: JsonSchema, data: unknown) => boolean])[] = [
  ['type', ({ type }, data) => ![type].flat().some((name) => isOfType(name, data))],
  ['maximum', ({ maximum = 0 }, data) => isNumber(data) && data > maximum],
  ['minimum', ({ minimum = 0 }, data) => isNumber(data) && data < minimum],
  ['maxLength', ({ maxLength = 0 }, data) => typeof data === 'string' && lengthOf(data) > maxLength],
  ['minLength', ({ minLength = 0 }, data) => typeof data === 'string' && lengthOf(data) < minLength],
  ['pattern', ({ pattern = '' }, data) => typeof data === 'string' && !new RegExp(pattern, 'u').test(data)],
  ['enum', ({ enum: allowed = [] }, data) => !allowed.some((value) => value === data)],
  ['maxItems', ({ maxItems = 0 }, data) => Array.isArray(data) && data.length > maxItems],
  ['minItems', ({ minItems = 0 }, data) => Array.isArray(data) && data.length < minItems],
];

function isOfType(type: JsonType, data: unknown): boolean {
  switch (type) {
    case 'object':
      return isRecord(data);
    case 'array':
      return Array.isArray(data);
    case 'null':
      return data === null;
    case 'integer':
      return Number.isInteger(data);
    case 'boolean':
    case 'string':
      return typeof data === type;
  }
}
