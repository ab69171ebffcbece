import { join } from 'node:path';
import { inNamespace } from '../network.ts';
import { run, startDaemon, waitUntil } from '../process.ts';
import { expect, expectEqual } from '../report.ts';
import type { World } from '../world.ts';

const PORT = 5010;
const START_TIMEOUT_MS = 30_000;

/** The package as a user has it: installed by npm, started by npx, nothing of the checkout beside it. */
export async function packageScenario(world: World): Promise<void> {
  const { directory, network } = world;
  const { project } = world.prepared;
  if (project === undefined) {
    world.report.fail('package', 'it was not installed');
    return;
  }
  const env = { PATH: process.env['PATH'], HOME: directory };
  await world.report.check('package: npx berth --help', async () => {
    const { stdout } = await run(['npx', 'berth', '--help'], { cwd: project, env });
    expect(stdout.includes('serve'), stdout);
    return undefined;
  });
  await world.report.check('package: berth serve answers a client', async () => {
    // What npx starts, without npm before it, which keeps a signal to itself.
    const berth = join(project, 'node_modules/.bin/berth');
    const argv = [berth, 'serve', '--upstream=https://contoso.upstream.example'];
    const options = { cwd: project, env, logFile: join(directory, 'package.log') };
    const daemon = await startDaemon('berth', [...argv, `--port=${PORT}`], options);
    const ask = `fetch('http://localhost:${PORT}/v2/').then((r) => console.log(r.status))`;
    const status = async () => {
      const { stdout } = await run(inNamespace(network.servers, [process.execPath, '--eval', ask]), {
        allowCodes: [0, 1],
      });
      return stdout.trim();
    };
    try {
      await waitUntil('berth serve', async () => (await status()) !== '', {
        daemon,
        timeoutMs: START_TIMEOUT_MS,
      });
      // Its authority is not known to this Berth, so it may not even ask.
      expectEqual(await status(), '502', 'status');
    } finally {
      await daemon.end();
    }
    expectEqual(await daemon.end(), { code: 0, signal: null }, 'end');
    return undefined;
  });
}
