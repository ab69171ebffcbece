import type { JsonSchema } from './json-schema.ts';
import { parseSize } from './parse-size.ts';

/**
 * A copy of the value with the schema's defaults filled in. `delivery` keeps its absence: `dataEndpointEnabled` may speak
 * for it.
 */
export function complete(schema: JsonSchema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? value : value.map((item: unknown) => complete(items, item));
  }
  if (isRecord(value)) {
    const copy: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      const given = value[name];
      if (given !== undefined) copy[name] = complete(field, given);
      else if (field.default !== undefined && name !== 'delivery')
        copy[name] = complete(field, field.default);
    }
    return copy;
  }
  return isSize(schema) && typeof value === 'string' ? parseSize(value) : value;
}

/** A size in bytes: a number or a text such as `4MiB`. Where only certain words stand beside a number, it is none. */
export function isSize({ type, pattern }: JsonSchema): boolean {
  return Array.isArray(type) && pattern === undefined && type.includes('integer') && type.includes('string');
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
