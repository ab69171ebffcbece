import { isRecord, isSize } from './complete.ts';
import { findViolations, type Violation } from './find-violations.ts';
import type { JsonSchema } from './json-schema.ts';
import { nearestName } from './nearest-name.ts';
import { parseSize, SIZE_UNITS } from './parse-size.ts';
import type { ConfigPath, Finding } from './problem.ts';
import { describeValue, showValue } from './show-value.ts';

/**
 * What the schema has to say about a value, and the value without the parts it complains about, so that the checks
 * that follow can still look at the rest.
 */
export function checkSchema(
  schema: JsonSchema,
  value: unknown,
): { findings: readonly Finding[]; remaining: unknown } {
  const sizes = replaceSizes(schema, value, []);
  const findings: Finding[] = [...sizes.findings];
  let remaining = sizes.value;
  for (const violation of findViolations(schema, sizes.value)) {
    findings.push(describe(violation));
    if (violation.name === undefined) remaining = without(remaining, violation.path);
  }
  return { findings, remaining };
}

/** Sizes as numbers, so that the schema's own limits hold for `4MiB`, too. */
function replaceSizes(
  schema: JsonSchema,
  value: unknown,
  path: ConfigPath,
): { value: unknown; findings: readonly Finding[] } {
  if (isRecord(value) && schema.properties !== undefined) {
    const copy: Record<string, unknown> = { ...value };
    const findings: Finding[] = [];
    for (const [name, field] of Object.entries(schema.properties)) {
      if (value[name] === undefined) continue;
      const replaced = replaceSizes(field, value[name], [...path, name]);
      findings.push(...replaced.findings);
      if (replaced.value === undefined) delete copy[name];
      else copy[name] = replaced.value;
    }
    return { value: copy, findings };
  }
  if (!isSize(schema) || typeof value !== 'string') return { value, findings: [] };
  const bytes = parseSize(value);
  if (bytes !== undefined) return { value: bytes, findings: [] };
  const message = `${showValue(value)} is not a size`;
  return {
    value: undefined,
    findings: [
      { path, message, hint: `write a number of bytes or one with a unit of ${SIZE_UNITS.join(', ')}` },
    ],
  };
}

function describe({ path, keyword, schema, data, name = '' }: Violation): Finding {
  const shown = showValue(data);
  switch (keyword) {
    case 'additionalProperties':
      return describeUnknownField([...path, name], name, Object.keys(schema.properties ?? {}));
    case 'required': {
      const meaning = schema.properties?.[name]?.description;
      const message = `is missing`;
      return { path: [...path, name], message, hint: `add it: ${meaning ?? 'it has no default'}` };
    }
    case 'type': {
      const types = [schema.type].flat().map((type) => TYPE_NAMES[type] ?? type);
      const message = `must be ${types.join(' or ')}, but is ${describeValue(data)}`;
      return { path, message, hint: hintForType(schema, data) };
    }
    case 'enum': {
      const allowed = schema.enum ?? [];
      const nearest = typeof data === 'string' ? nearestName(data, allowed) : undefined;
      const hint = nearest === undefined ? 'write one of them' : `did you mean ${nearest}?`;
      return { path, message: `${shown} is none of ${allowed.join(', ')}`, hint };
    }
    case 'minimum':
    case 'maximum': {
      const least = schema.minimum === undefined ? '' : `at least ${schema.minimum}`;
      const most = schema.maximum === undefined ? '' : `at most ${schema.maximum}`;
      const hint = `write ${[least, most].filter((text) => text !== '').join(' and ')}`;
      return { path, message: `${shown} is out of range`, hint };
    }
    case 'minItems':
      return { path, message: 'has no entries', hint: `add one: ${schema.items?.description ?? ''}` };
    case 'maxItems':
      return { path, message: `has more than ${schema.maxItems} entries`, hint: 'remove some' };
    case 'minLength':
      return { path, message: 'is empty', hint: `fill it in: ${schema.description}` };
    case 'maxLength':
      return { path, message: `is longer than ${schema.maxLength} characters`, hint: 'shorten it' };
    case 'pattern':
      return { path, message: `${shown} is not allowed here`, hint: `what it is: ${schema.description}` };
  }
}

function describeUnknownField(path: ConfigPath, name: string, known: readonly string[]): Finding {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? `known here: ${known.join(', ')}` : `did you mean ${nearest}?`;
  return { path, atKey: true, message: 'is not a known field', hint };
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'a group of fields',
  array: 'a list',
  null: 'null',
};

function hintForType(schema: JsonSchema, value: unknown): string {
  const types = [schema.type].flat();
  if (types.includes('array') && typeof value !== 'object') return 'write it as a list: [value]';
  if (types.includes('string') && typeof value === 'number') return 'put it in quotes';
  if (types.includes('integer') && typeof value === 'string' && /^[0-9]+$/.test(value)) {
    return 'take the quotes away';
  }
  const fields = Object.keys(schema.properties ?? {});
  if (types.includes('object') && fields.length > 0 && value !== null) {
    return `write a group of ${fields.join(', ')}: ${schema.description}`;
  }
  return `what it is: ${schema.description}`;
}

/** A copy with the value at the path taken out; entries of a list keep their positions. */
function without(value: unknown, path: ConfigPath): unknown {
  const [head, ...rest] = path;
  if (head === undefined) return undefined;
  if (Array.isArray(value) && typeof head === 'number') {
    return value.map((item: unknown, index) => (index === head ? without(item, rest) : item));
  }
  if (isRecord(value) && typeof head === 'string') {
    const copy = { ...value };
    const inner = without(copy[head], rest);
    if (inner === undefined) delete copy[head];
    else copy[head] = inner;
    return copy;
  }
  return value;
}
