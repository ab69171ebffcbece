import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runCli } from '../../src/cli/create-program.ts';
import type { Rollout } from '../../src/config/config.ts';
import { openScene } from '../flow/scene.ts';
import { shortDirectory, startSwitchable } from '../flow/switchable.ts';
import { testDeps } from '../support/cli-deps.ts';
import { configFile } from '../support/config-file.ts';

const document = readFileSync(join(import.meta.dirname, '../../docs/migration.md'), 'utf8');

/** The commands of each numbered section, in order. */
const sections = document
  .split(/^## \d+\. /m)
  .slice(1)
  .map((section) =>
    [...section.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) => lines(block)),
  );

function lines(block: string): string[] {
  return block.split('\n').filter((line) => line !== '');
}

const NOBODY: Rollout = { clients: [], percent: 0 };
const FEW: Rollout = { clients: ['10.1.0.0/16'], percent: 0 };
const ALL: Rollout = { clients: [], percent: 100 };

/** What the configuration says in each section, and which clients are sent to a data endpoint at its end. */
const STEPS = [
  { rollout: NOBODY, delivery: 'passthrough', dedicated: [] },
  { rollout: NOBODY, delivery: 'passthrough', dedicated: [] },
  { rollout: FEW, delivery: 'passthrough', dedicated: ['10.1.0.1'] },
  { rollout: ALL, delivery: 'passthrough', dedicated: ['10.1.0.1', '10.2.0.1', '2001:db8::1'] },
  { rollout: ALL, delivery: 'passthrough', dedicated: ['10.1.0.1', '10.2.0.1', '2001:db8::1'] },
  { rollout: ALL, delivery: 'dedicated', dedicated: ['10.1.0.1', '10.2.0.1', '2001:db8::1'] },
] as const;

const CLIENTS = ['10.1.0.1', '10.2.0.1', '2001:db8::1'];

t.test('docs/migration.md, step by step: every command works, every client can pull', async (t) => {
  t.equal(sections.length, STEPS.length, 'sections');
  const scene = await openScene(t);
  const directory = shortDirectory(t);
  const config = join(directory, 'berth.yaml');
  const socket = join(directory, 'run/admin.sock');
  for (const [index, { rollout, delivery, dedicated }] of STEPS.entries()) {
    const there = await startSwitchable(t, scene, directory, { rollout, delivery });
    const withRollout = rollout.percent === 100 ? {} : { rollout };
    writeFileSync(config, JSON.stringify(configFile({ delivery, ...withRollout }, { admin: { socket } })));
    for (const command of sections[index] ?? []) {
      const { deps, output } = testDeps({ env: { BERTH_CONFIG: config } });
      t.equal(
        await runCli(command.split(' ').slice(1), deps),
        0,
        `${index + 1}: ${command}: ${output.stderr}`,
      );
      t.notMatch(output.stderr, /is not known/, 'the running Berth was asked');
    }
    const sent: string[] = [];
    for (const client of CLIENTS) {
      const { headers } = await there.pull(client);
      const blob = await there.get(headers.location ?? '', client);
      t.ok(blob.body.equals(scene.blob), `${index + 1}: ${client} pulls`);
      if (headers.location !== scene.storage.url) sent.push(client);
    }
    t.strictSame(sent, dedicated, `${index + 1}: who is sent to a data endpoint`);
    await there.berth.close();
  }
});
