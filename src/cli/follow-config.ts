import { hash } from 'node:crypto';
import type { Config } from '../config/config.ts';
import type { CliDeps } from './cli-deps.ts';
import { configFileName, parseConfig, readConfigText } from './read-config.ts';

/** The configuration that a running Berth follows. */
export type FollowedConfig = {
  readonly fileName: string;
  /**
   * Reads the file. As long as it says what it said, nothing is parsed and the configuration is the same object.
   * @throws ConfigProblems, CliError as `readConfig`
   */
  read(): Promise<Config>;
};

/** Characters from which on a file is read in a thread of its own, which costs some 50 ms and memory of its own. */
const ASIDE = {
  /** Nobody is held up yet: below that the thread would take longer than what it saves. */
  start: 128 * 1024,
  /** About 40 registries: what is longer would hold up transfers for more than 20 ms. */
  reload: 16 * 1024,
};

/** @param file where neither it nor `BERTH_CONFIG` says which, the one in its usual place */
export function followConfig(file: string | undefined, deps: Pick<CliDeps, 'env'>): FollowedConfig {
  const { env } = deps;
  let known: { readonly config: Config; readonly digest: string } | undefined;
  return {
    fileName: configFileName(file, env),
    async read() {
      const { text, fileName } = await readConfigText(file, deps);
      const digest = hash('sha256', text);
      if (known?.digest !== digest) {
        const limit = known === undefined ? ASIDE.start : ASIDE.reload;
        known = { config: await parseConfig({ text, fileName, env }, text.length > limit), digest };
      }
      return known.config;
    },
  };
}
