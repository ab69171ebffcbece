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
  await world.report.check('package: npx berth serve answers a client', async () => {
    const argv = ['npx', 'berth', 'serve', '--upstream=https://contoso.upstream.example'];
    const options = { cwd: project, env, logFile: join(directory, 'package.log') };
    const daemon = await startDaemon('npx', [...argv, `--port=${PORT}`], options);
    const ask = `fetch('http://localhost:${PORT}/v2/').then((r) => console.log(r.status))`;
    const status = async () => {
      const { stdout } = await run(inNamespace(network.servers, [process.execPath, '--eval', ask]), {
        allowCodes: [0, 1],
      });
      return stdout.trim();
    };
    try {
      await waitUntil('npx berth serve', async () => (await status()) !== '', {
        daemon,
        timeoutMs: START_TIMEOUT_MS,
      });
      // Its authority is not known to this Berth, so it may not even ask.
      expectEqual(await status(), '502', 'status');
    } finally {
      await daemon.end();
    }
    // npm hands the signal on, and ends by it itself.
    const isGone = async () => (await status()) === '';
    await waitUntil('the end of berth serve', isGone, { timeoutMs: START_TIMEOUT_MS });
    return undefined;
  });
}
