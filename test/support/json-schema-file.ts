import { CONFIG_SCHEMA } from '../../src/config/schema.ts';

/** The text of `config/berth.schema.json`, for editors. */
export function jsonSchemaFile(): string {
  const document = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Berth',
    $comment:
      'Generated from src/config/schema.ts by "node test/support/write-generated.ts"; a test compares them.',
    ...CONFIG_SCHEMA,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
