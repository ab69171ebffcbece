import { cliMarkdown } from './cli-markdown.ts';
import { configurationMarkdown } from './configuration-markdown.ts';
import { jsonSchemaFile } from './json-schema-file.ts';

/** Files of the repository that are made from its code, and how; paths relative to its root. */
export const GENERATED: readonly {
  readonly path: string;
  readonly content: () => string | Promise<string>;
}[] = [
  { path: 'config/berth.schema.json', content: jsonSchemaFile },
  { path: 'docs/configuration.md', content: configurationMarkdown },
  { path: 'docs/cli.md', content: cliMarkdown },
];
