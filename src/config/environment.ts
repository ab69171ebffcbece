import { isRecord } from './complete.ts';
import type { JsonSchema } from './json-schema.ts';
import { nearestName } from './nearest-name.ts';
import { type ConfigPath, formatPath, type Problem } from './problem.ts';

const PREFIX = 'BERTH_';

/** Variables that are not fields: `BERTH_CONFIG` names the file. */
const OTHER_VARIABLES = ['BERTH_CONFIG'];

/** What Kubernetes sets for a Service called berth: `BERTH_SERVICE_HOST`, `BERTH_PORT_443_TCP_ADDR`, … */
const SERVICE_LINK =
  /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/;
const SERVICE_LINK_VALUE = /^(tcp|udp|sctp):\/\//;

/**
 * The variable of every scalar field outside lists: `BERTH_`, then the path in capitals, words and levels joined by `_`
 * (`ticket.lifetimeSeconds` is `BERTH_TICKET_LIFETIME_SECONDS`).
 */
export function environmentVariables(
  schema: JsonSchema,
): ReadonlyMap<string, { path: ConfigPath; schema: JsonSchema }> {
  const variables = new Map<string, { path: ConfigPath; schema: JsonSchema }>();
  const visit = (current: JsonSchema, path: readonly string[]): void => {
    for (const [name, field] of Object.entries(current.properties ?? {})) {
      const fieldPath = [...path, name];
      if (field.properties !== undefined) visit(field, fieldPath);
      else if (field.items === undefined) {
        const words = fieldPath.join('_').replaceAll(/[A-Z]/g, (letter) => `_${letter}`);
        variables.set(`${PREFIX}${words.toUpperCase()}`, { path: fieldPath, schema: field });
      }
    }
  };
  visit(schema, []);
  return variables;
}

/** The value with the environment's own laid over it; `sources` tells which paths came from which variable. */
export function overlayEnvironment(
  schema: JsonSchema,
  value: Record<string, unknown>,
  env: Readonly<Record<string, string | undefined>>,
): { value: Record<string, unknown>; sources: ReadonlyMap<string, string>; problems: readonly Problem[] } {
  const known = environmentVariables(schema);
  const sources = new Map<string, string>();
  const problems: Problem[] = [];
  let overlaid = value;
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || OTHER_VARIABLES.includes(name)) continue;
    if (text === undefined || SERVICE_LINK_VALUE.test(text)) continue;
    const variable = known.get(name);
    if (variable !== undefined) {
      overlaid = withValue(overlaid, variable.path, parseScalar(variable.schema, text));
      sources.set(formatPath(variable.path), name);
    } else if (!SERVICE_LINK.test(name)) {
      problems.push(unknownVariable(name, [...known.keys(), ...OTHER_VARIABLES]));
    }
  }
  return { value: overlaid, sources, problems };
}

function unknownVariable(name: string, known: readonly string[]): Problem {
  // Compared without what all have in common, which would make any two names look alike.
  const nearest = nearestName(
    name.slice(PREFIX.length),
    known.map((other) => other.slice(PREFIX.length)),
  );
  return {
    path: name,
    line: 0,
    column: 0,
    message: 'no field has this variable',
    hint:
      nearest === undefined
        ? 'unset it, or set the field in the file (only scalars outside lists have a variable)'
        : `did you mean ${PREFIX}${nearest}?`,
  };
}

function withValue(
  target: Record<string, unknown>,
  path: ConfigPath,
  value: unknown,
): Record<string, unknown> {
  const [head, ...rest] = path;
  if (typeof head !== 'string') return target;
  if (rest.length === 0) return { ...target, [head]: value };
  const inner = target[head];
  return { ...target, [head]: withValue(isRecord(inner) ? inner : {}, rest, value) };
}

function parseScalar(schema: JsonSchema, text: string): unknown {
  const types = [schema.type].flat();
  if (types.includes('integer') && /^-?[0-9]{1,15}$/.test(text)) return Number(text);
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  if (types.includes('null') && text === 'null') return null;
  return text;
}
