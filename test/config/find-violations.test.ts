import { deepEqual } from 'node:assert/strict';
import { Ajv, type ValidateFunction } from 'ajv';
import * as fc from 'fast-check';
import t from 'tap';
import { findViolations } from '../../src/config/find-violations.ts';
import type { JsonSchema } from '../../src/config/json-schema.ts';
import { CONFIG_SCHEMA } from '../../src/config/schema.ts';
import { configFile } from '../support/config-file.ts';
import { holds } from '../support/property.ts';

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });

/** What ajv has against the value, each as its place and keyword. */
function ajvViolations(validate: ValidateFunction, value: unknown): string[] {
  if (validate(value)) return [];
  return (validate.errors ?? [])
    .map(({ instancePath, keyword, params }) => {
      const name: unknown = params['missingProperty'] ?? params['additionalProperty'] ?? '';
      return `${instancePath} ${keyword} ${String(name)}`;
    })
    .toSorted();
}

function ownViolations(schema: JsonSchema, value: unknown): string[] {
  return findViolations(schema, value)
    .map(({ path, keyword, name = '' }) => {
      const pointer = path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`);
      return `${pointer.join('')} ${keyword} ${name}`;
    })
    .toSorted();
}

const JUNK = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    'inline',
    '1KiB',
    [],
    {},
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1.5,
    2 ** 60,
  ),
  fc.integer(),
  fc.string({ unit: 'grapheme' }),
  fc.string({ minLength: 250, maxLength: 260 }),
  fc.array(fc.integer(), { maxLength: 70 }),
);

/** Names that every object has by birth, one that JavaScript treats on its own, one that JSON pointers escape. */
const STRANGE_NAMES = fc.constantFrom('toString', 'constructor', '__proto__', 'a~/b');

/** Values that a schema mostly allows, so that what is deep in it is reached. */
function valueOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  const right: fc.Arbitrary<unknown>[] = [];
  if (schema.enum !== undefined) right.push(fc.constantFrom<unknown>(...schema.enum));
  const { items, properties } = schema;
  if (items !== undefined) right.push(fc.array(valueOf(items), { maxLength: 3 }));
  if (properties !== undefined) right.push(groupOf(properties));
  const { minimum = 0, maximum = minimum + 10 } = schema;
  right.push(fc.constantFrom<unknown>(minimum - 1, minimum, maximum, maximum + 1, schema.default));
  return fc.oneof({ arbitrary: fc.oneof(...right), weight: 6 }, { arbitrary: JUNK, weight: 1 });
}

function groupOf(properties: NonNullable<JsonSchema['properties']>): fc.Arbitrary<unknown> {
  const fields = Object.entries(properties).map(([name, field]) => [name, valueOf(field)] as const);
  return fc
    .tuple(
      fc.record(Object.fromEntries(fields), { requiredKeys: [] }),
      fc.option(fc.tuple(STRANGE_NAMES, JUNK), { nil: undefined, freq: 8 }),
    )
    .map(([group, strange]) => {
      const plain: Record<string, unknown> = { ...group };
      // As the YAML parser does: a field of its own, whatever its name.
      const property = { value: strange?.[1], enumerable: true, configurable: true, writable: true };
      return strange === undefined ? plain : Object.defineProperty(plain, strange[0], property);
    });
}

const ajvOfConfig = ajv.compile(CONFIG_SCHEMA);

t.test('finds in configurations what ajv finds, no more and no less', async (t) => {
  t.same(ownViolations(CONFIG_SCHEMA, configFile()), []);
  t.same(ownViolations(CONFIG_SCHEMA, {}), [' required listeners', ' required registries']);
  let violations = 0;
  holds(
    t,
    'the same places and keywords',
    fc.property(valueOf(CONFIG_SCHEMA), (value) => {
      const own = ownViolations(CONFIG_SCHEMA, value);
      violations += own.length;
      deepEqual(own, ajvViolations(ajvOfConfig, value));
    }),
  );
  t.ok(violations > 100, `${violations} violations`);
});

t.test('each keyword at its limits, as ajv has it', async (t) => {
  const schemas: readonly JsonSchema[] = [
    { type: 'string', description: '', minLength: 2, maxLength: 3, pattern: '^[^z]*$' },
    { type: ['integer', 'string'], description: '', minimum: 2, maximum: 3, pattern: '^auto$' },
    { type: ['string', 'null'], description: '', enum: ['a', 'b'] },
    { type: 'array', description: '', minItems: 1, maxItems: 2, items: { type: 'boolean', description: '' } },
    { type: 'object', description: '', required: ['toString'], properties: {} },
  ];
  const values: readonly unknown[] = [
    'a',
    'ab',
    '😀',
    '😀😀😀',
    '😀😀😀😀',
    'zz',
    'auto',
    1,
    2,
    3,
    4,
    2.5,
    -0,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    true,
    [],
    [true],
    [1, null, 'x'],
    {},
    { toString: 1 },
    { other: 1 },
  ];
  for (const schema of schemas) {
    const validate = ajv.compile(schema);
    for (const value of values) {
      t.same(ownViolations(schema, value), ajvViolations(validate, value), JSON.stringify([schema, value]));
    }
  }
});
