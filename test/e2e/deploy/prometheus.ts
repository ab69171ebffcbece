import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Daemon, startDaemon, waitUntil } from '../process.ts';

export type Sample = {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
};
export type RuleState = { readonly name: string; readonly health: string; readonly lastError?: string };

export type Prometheus = {
  readonly daemon: Daemon;
  /** One instant query, now. Throws Prometheus' own words where it is wrong. */
  query(expression: string): Promise<readonly Sample[]>;
  rules(): Promise<readonly RuleState[]>;
};

type Answer<Data> = { readonly status: string; readonly error?: string; readonly data: Data };

const PORT = 9099;
const START_TIMEOUT_MS = 30_000;

async function ask<Data>(path: string, form?: Readonly<Record<string, string>>): Promise<Data> {
  const url = `http://127.0.0.1:${PORT}/api/v1/${path}`;
  const response = await fetch(
    url,
    form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) },
  );
  const answer: Answer<Data> = JSON.parse(await response.text());
  if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`);
  return answer.data;
}

/** Debian's Prometheus with the project's own rules; scrapes every second, so that a minute has many samples. */
export async function startPrometheus(
  directory: string,
  rulesFile: string,
  targets: readonly string[],
): Promise<Prometheus> {
  const folder = join(directory, 'prometheus');
  await mkdir(folder);
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [rulesFile],
    scrape_configs: [{ job_name: 'berth', static_configs: [{ targets }] }],
  };
  const configFile = join(folder, 'prometheus.yaml');
  await writeFile(configFile, JSON.stringify(config, null, 2));
  const flags = [
    `--config.file=${configFile}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${PORT}`,
  ];
  const daemon = await startDaemon('prometheus', ['/usr/bin/prometheus', ...flags], {
    logFile: join(directory, 'prometheus.log'),
  });
  const query = async (expression: string) =>
    (await ask<{ readonly result: readonly Sample[] }>('query', { query: expression })).result;
  const scraped = async () => (await query('min(up{job="berth"})'))[0]?.value[1] === '1';
  await waitUntil('prometheus', scraped, { daemon, timeoutMs: START_TIMEOUT_MS });
  return {
    daemon,
    query,
    async rules() {
      type Groups = { readonly groups: readonly { readonly rules: readonly RuleState[] }[] };
      const { groups } = await ask<Groups>('rules');
      return groups.flatMap((group) => group.rules);
    },
  };
}
