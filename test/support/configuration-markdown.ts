import { isSize } from '../../src/config/complete.ts';
import { environmentVariables } from '../../src/config/environment.ts';
import type { JsonSchema } from '../../src/config/json-schema.ts';
import { formatPath } from '../../src/config/problem.ts';
import { CONFIG_SCHEMA } from '../../src/config/schema.ts';

const INTRODUCTION = `# Configuration

<!-- Generated from src/config/schema.ts by "node test/support/write-generated.ts"; a test compares them. -->

One YAML file: \`--config FILE\`, otherwise the variable \`BERTH_CONFIG\`, otherwise \`/etc/berth/berth.yaml\`. Two complete
ones to start from: [config/berth.yaml](../config/berth.yaml) in front of a cloud registry with data endpoints,
[config/sidecar.yaml](../config/sidecar.yaml) on loopback. For an editor that completes and checks while you type, name
the schema in the first line: \`# yaml-language-server: $schema=…/config/berth.schema.json\`.

\`berth check FILE\` prints everything that is wrong at once, a line each: \`file:line:column: field: what is wrong; what to
do\`. The same checks stand before every start. Unknown fields are refused, and so are fields of later versions: a rule
that is accepted and not enforced would be a hole.

- **Paths** of files start from the directory of the configuration file.
- **Sizes** are bytes: a number, or a text with a unit, \`20GiB\`, \`256MiB\`, \`4kB\`.
- **Environment**: every scalar outside lists has a variable, which goes before the file: \`BERTH_\`, then the field's path
  in capitals, words and levels joined by \`_\` (\`ticket.lifetimeSeconds\` is \`BERTH_TICKET_LIFETIME_SECONDS\`). A variable
  \`BERTH_…\` that stands for nothing is refused; those that Kubernetes sets for a Service called berth are passed over.
- **Hosts** must be distinct over all registries, and no data endpoint may be a login server or below one (whatever the
  port): Go clients send their credentials on to such hosts.
- **http**: requests to an upstream of \`http://\`, and its redirects to that same host, may be plain; everything else that
  it redirects to is asked by https, as is everything behind an upstream of \`https://\`.
`;

/** The text of `docs/configuration.md`. */
export function configurationMarkdown(): string {
  const variables = new Map(
    [...environmentVariables(CONFIG_SCHEMA)].map(([name, { path }]) => [formatPath(path), name]),
  );
  const sections = [INTRODUCTION, section('', CONFIG_SCHEMA, variables)];
  return sections.join('\n');
}

function section(path: string, schema: JsonSchema, variables: ReadonlyMap<string, string>): string {
  const fields = Object.entries(schema.properties ?? {});
  const heading = path === '' ? '## Top level' : `## \`${path}\``;
  const rows = fields.map(([name, field]) => {
    const fieldPath = path === '' ? name : `${path}.${name}`;
    const variable = variables.get(fieldPath);
    const meaning = variable === undefined ? field.description : `${field.description} \`${variable}\``;
    return `| \`${name}\` | ${typeOf(field)} | ${defaultOf(field, schema.required?.includes(name) ?? false)} | ${cell(meaning)} |`;
  });
  const table = ['| field | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
  const inner = fields.flatMap(([name, field]) => {
    const fieldPath = path === '' ? name : `${path}.${name}`;
    if (field.properties !== undefined) return [section(fieldPath, field, variables)];
    const { items } = field;
    return items?.properties === undefined ? [] : [section(`${fieldPath}[]`, items, variables)];
  });
  return [`${heading}\n\n${schema.description}\n\n${table}\n`, ...inner].join('\n');
}

const TYPE_NAMES = {
  string: 'text',
  integer: 'whole number',
  boolean: 'true, false',
  object: 'fields',
  array: 'list',
  null: 'null',
};

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  const types = [schema.type].flat();
  if (isSize(schema)) return 'size';
  const names = types.map((type) => TYPE_NAMES[type]).join(' or ');
  if (schema.minimum === undefined || !types.includes('integer')) return names;
  return `${names}, ${schema.minimum}${schema.maximum === undefined ? ' or more' : ` to ${schema.maximum}`}`;
}

function defaultOf(schema: JsonSchema, required: boolean): string {
  if (required) return 'required';
  if (schema.default === undefined) return '';
  const text = JSON.stringify(schema.default);
  return text === '{}' ? '' : `\`${text.replaceAll('"', '')}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
