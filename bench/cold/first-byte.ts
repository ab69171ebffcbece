import { rmSync } from 'node:fs';

import type { SectionRun } from '../bench.ts';
import { type Column, tabulate } from '../tabulate.ts';
import { BERTH_WITHOUT, CACHES, type OpenCache } from './caches.ts';
import { startCountingOrigin } from './counting-origin.ts';
import { openTimedClient } from './time-first-byte.ts';

const BLOB_MEBIBYTES = 4;
const DIRECT = 'direct';
/** Connections are opened and code is compiled by then. */
const WARM_UP = 5;

type FirstByte = { milliseconds: number; added: number | undefined };

const COLUMNS: readonly Column<FirstByte>[] = [
  {
    head: 'milliseconds',
    metric: 'time to first byte',
    unit: 'ms',
    better: 'less',
    value: ({ milliseconds }) => milliseconds,
  },
  {
    head: 'more than direct',
    metric: 'time to first byte, more than direct',
    unit: 'ms',
    better: 'less',
    value: ({ added }) => added,
  },
];

/** How much later the first byte of a blob comes that nobody has yet. */
export const FIRST_BYTE: SectionRun = {
  name: 'first-byte',
  title: 'Cold blob, time to first byte',
  async run(bench) {
    const { options, workspace } = bench;
    const origin = await startCountingOrigin(workspace);
    const client = openTimedClient();
    const open = new Map<string, OpenCache>();
    const times = new Map<string, number[]>();
    try {
      for (const kind of [...CACHES, BERTH_WITHOUT]) open.set(kind.name, await kind.open(bench, origin));
      for (let sample = -WARM_UP; sample < options.firstByteSamples; sample += 1) {
        const blob = workspace.addBlob(BLOB_MEBIBYTES);
        for (const [name, base] of [
          [DIRECT, `http://127.0.0.1:${origin.registryPort}`] as const,
          ...[...open].map(([name, cache]) => [name, cache.base] as const),
        ]) {
          const taken = await client.timeFirstByte(`${base}${blob.path}`, blob.bytes);
          if (sample >= 0) times.set(name, [...(times.get(name) ?? []), taken]);
        }
        rmSync(blob.file);
      }
    } finally {
      client.close();
      for (const cache of open.values()) await cache.close();
      await origin.stop();
    }
    const direct = times.get(DIRECT) ?? [];
    const rows = [...times].map(([name, values]) => ({
      name,
      rounds: values.map((milliseconds, at) => ({
        milliseconds,
        added: name === DIRECT ? undefined : milliseconds - (direct[at] ?? Number.NaN),
      })),
    }));
    const { markdown, figures } = tabulate(rows, COLUMNS);
    bench.say(`first byte\n${markdown}`);
    return {
      figures,
      markdown: `${options.firstByteSamples} blobs of ${BLOB_MEBIBYTES} MiB, each asked for once by every row, one after the other, over connections that are open. *Direct* is the
client's own two requests, to the registry and to its storage.

${markdown}`,
    };
  },
};
