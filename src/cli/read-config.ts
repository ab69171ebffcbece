import { access, readFile } from 'node:fs/promises';

import type { Config, RegistryConfig } from '../config/config.ts';
import type { LoadInput, LoadResult } from '../config/load.ts';
import { nearestName } from '../config/nearest-name.ts';
import { describeCode, errorCode } from '../system/error-code.ts';
import type { CliDeps } from './cli-deps.ts';
import { CliError, ConfigProblems, EXIT } from './cli-error.ts';

/** Where the configuration stands when neither `--config` nor `BERTH_CONFIG` says so. */
const DEFAULT_FILE = '/etc/berth/berth.yaml';

/** A configuration of a megabyte has thousands of registries; a device or a log given by mistake has more. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Reads and checks the configuration.
 * @throws ConfigProblems with every problem on a line of its own; CliError where there is no file to read.
 */
export async function readConfig(
  file: string | undefined,
  deps: Pick<CliDeps, 'env'>,
): Promise<{ readonly config: Config; readonly fileName: string }> {
  const { text, fileName } = await readConfigText(file, deps);
  return { config: await parseConfig({ text, fileName, env: deps.env }), fileName };
}

export function configFileName(file: string | undefined, env: CliDeps['env']): string {
  return file ?? env['BERTH_CONFIG'] ?? DEFAULT_FILE;
}

/** @throws CliError where there is no file to read, or it is longer than any configuration */
export async function readConfigText(
  file: string | undefined,
  { env }: Pick<CliDeps, 'env'>,
): Promise<{ readonly text: string; readonly fileName: string }> {
  const fileName = configFileName(file, env);
  const text = await readText(fileName, file === undefined && env['BERTH_CONFIG'] === undefined);
  return { text, fileName };
}

/**
 * @param aside in a thread of its own
 * @throws ConfigProblems with every problem on a line of its own
 */
export async function parseConfig(input: LoadInput, aside = false): Promise<Config> {
  const result = aside ? await loadAside(input) : await loadHere(input);
  if (result.kind === 'ok') return result.config;
  throw new ConfigProblems(input.fileName, result.problems);
}

/** With it comes YAML, which `serve --upstream` does without. */
async function loadHere(input: LoadInput): Promise<LoadResult> {
  const { loadConfig } = await import('../config/load.ts');
  return loadConfig(input);
}

async function loadAside(input: LoadInput): Promise<LoadResult> {
  const { loadConfigAside } = await import('../config/load-aside.ts');
  return loadConfigAside(input);
}

/** The same for commands that can do without; undefined where nobody named one and there is none in its usual place. */
export async function findConfig(
  file: string | undefined,
  deps: Pick<CliDeps, 'env'>,
): Promise<Config | undefined> {
  const isNamed = file !== undefined || deps.env['BERTH_CONFIG'] !== undefined;
  const isThere = isNamed || (await exists(DEFAULT_FILE));
  return isThere ? (await readConfig(file, deps)).config : undefined;
}

/** One that can not be looked at is there: why not is for the reader to see. */
async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    return errorCode(error) !== 'ENOENT';
  }
}

async function readText(fileName: string, isDefault: boolean): Promise<string> {
  let content: Buffer;
  try {
    content = await readFile(fileName);
  } catch (error) {
    const code = describeCode(error);
    if (code === 'ENOENT' && isDefault) {
      throw new CliError(
        `there is no configuration at ${fileName}: name one with --config FILE or BERTH_CONFIG`,
      );
    }
    const reason = code === 'ENOENT' ? 'does not exist' : `can not be read (${code})`;
    throw new CliError(`the configuration ${fileName} ${reason}: check its name, owner and mode`);
  }
  if (content.length > MAX_FILE_BYTES) {
    throw new CliError(`the configuration ${fileName} has more than 4 MiB: is it the right file?`);
  }
  return content.toString('utf8');
}

/**
 * The registry that `--name` names; the only one where it is left out.
 * @throws CliError with the known names.
 */
export function selectRegistry(config: Config, name: string | undefined): RegistryConfig {
  const names = config.registries.map((registry) => registry.name).join(', ');
  const [first, ...others] = config.registries;
  if (name === undefined && first !== undefined && others.length === 0) return first;
  if (name === undefined) {
    throw new CliError(`there are several registries: choose one with --name (${names})`, EXIT.wrongUsage);
  }
  const found = config.registries.find((registry) => registry.name === name);
  if (found !== undefined) return found;
  const nearest = nearestName(
    name,
    config.registries.map((registry) => registry.name),
  );
  const hint = nearest === undefined || others.length === 0 ? '' : `; did you mean ${nearest}?`;
  throw new CliError(`there is no registry "${name}": there is ${names}${hint}`);
}
