import t from 'tap';
import { checkSchema } from '../../src/config/check-schema.ts';
import { complete } from '../../src/config/complete.ts';
import type { JsonSchema } from '../../src/config/json-schema.ts';
import { CONFIG_SCHEMA } from '../../src/config/schema.ts';

function visit(schema: JsonSchema, path: string, see: (schema: JsonSchema, path: string) => void): void {
  see(schema, path);
  for (const [name, field] of Object.entries(schema.properties ?? {})) visit(field, `${path}.${name}`, see);
  if (schema.items !== undefined) visit(schema.items, `${path}[]`, see);
}

t.test('every field is described, and every group is closed', async (t) => {
  visit(CONFIG_SCHEMA, '', (schema, path) => {
    t.match(schema.description, /\.$/, `${path} has a description`);
    if (schema.properties !== undefined) t.equal(schema.additionalProperties, false, path);
  });
});

t.test('times name their unit, and every default is allowed', async (t) => {
  visit(CONFIG_SCHEMA, '', (schema, path) => {
    if (path.endsWith('Seconds')) t.match([schema.type].flat(), ['integer'], path);
    if (schema.default === undefined || path.split('.').length > 3) return;
    const { findings } = checkSchema(schema, complete(schema, schema.default));
    t.same(findings, [], `${path} has a default that its own schema allows`);
  });
});
