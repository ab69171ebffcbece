import { dirname, resolve } from 'node:path';

import { applyPresets } from './apply-presets.ts';
import { buildConfig } from './build-config.ts';
import { checkHosts } from './check-hosts.ts';
import { checkListeners } from './check-listeners.ts';
import { checkObjectStore } from './check-object-store.ts';
import { checkRegistry } from './check-registry.ts';
import { checkSchema } from './check-schema.ts';
import { checkState } from './check-state.ts';
import { complete, isRecord } from './complete.ts';
import type { Config } from './config.ts';
import { overlayEnvironment } from './environment.ts';
import type { FileConfig } from './file-config.ts';
import { type Finding, formatPath, type Problem } from './problem.ts';
import { CONFIG_SCHEMA } from './schema.ts';
import type { YamlFile } from './yaml-file.ts';

export type LoadResult =
  | { readonly kind: 'ok'; readonly config: Config }
  /** All of them, in the order of the file; never empty. */
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] };

export type CheckInput = {
  /** Name of the file; relative paths in it start from its directory. */
  readonly fileName: string;
  /** The environment, whose `BERTH_…` variables override scalars of the file. */
  readonly env: Readonly<Record<string, string | undefined>>;
};

/**
 * Holds what stands in a configuration against the schema and against what the schema can not say, and reports everything that
 * is wrong with it at once.
 */
export function checkConfig(file: YamlFile, { fileName, env }: CheckInput): LoadResult {
  if (!isRecord(file.value)) {
    const message = file.value === null ? 'is empty' : 'is not a group of fields';
    const hint = 'start with listeners: and registries:';
    return { kind: 'problems', problems: [{ path: '', line: 1, column: 1, message, hint }] };
  }
  const overlaid = overlayEnvironment(CONFIG_SCHEMA, file.value, env);
  const { findings, remaining } = checkSchema(CONFIG_SCHEMA, overlaid.value);
  // FileConfig is the schema as a type, and the value has just been held against it.
  const completed = complete(CONFIG_SCHEMA, applyPresets(remaining)) as FileConfig;
  const problems = [
    ...overlaid.problems,
    ...[...findings, ...checkMeaning(completed)].map((finding) => place(finding, file, overlaid.sources)),
  ];
  if (problems.length === 0) {
    const directory = dirname(fileName);
    return { kind: 'ok', config: buildConfig(completed, (path) => resolve(directory, path)) };
  }
  return { kind: 'problems', problems: problems.toSorted(byPlace) };
}

/** What the schema can not say. */
function checkMeaning(config: FileConfig): readonly Finding[] {
  return [
    ...checkListeners(config),
    ...checkHosts(config),
    ...checkState(config.state),
    ...checkObjectStore(config.cache),
    ...(config.registries ?? []).flatMap((registry, index) =>
      registry === undefined ? [] : checkRegistry(registry, config, ['registries', index]),
    ),
  ];
}

function place(finding: Finding, file: YamlFile, sources: ReadonlyMap<string, string>): Problem {
  const path = formatPath(finding.path);
  const hint = finding.hint === undefined ? {} : { hint: finding.hint };
  const variable = sources.get(path);
  if (variable !== undefined)
    return { path: variable, line: 0, column: 0, message: finding.message, ...hint };
  return { path, ...file.locate(finding.path, finding.atKey ?? false), message: finding.message, ...hint };
}

function byPlace(one: Problem, other: Problem): number {
  return one.line - other.line || one.column - other.column;
}
