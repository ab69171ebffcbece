import type { Berth } from './berth.ts';
import { expect, expectEqual } from './report.ts';
import { USERS } from './token-service.ts';
import type { World } from './world.ts';

/** Secrets of every kind that went through Berth in this run; none may be in its log. */
const SECRETS: readonly (readonly [string, RegExp])[] = [
  ['a storage signature', /sig=(?!REDACTED)/],
  ['a bearer token', /eyJ[\w-]{20,}/],
  ['a ticket', /[?&]t=[\w-]{20,}/],
  ['basic credentials', /Basic [\w+/=]{12,}/],
  ...Object.entries(USERS).map(
    ([user, password]) => [`the password of ${user}`, new RegExp(password)] as const,
  ),
];

/** After all other scenarios: what the process says about them, and how it ends. */
export async function processScenario(world: World, berth: Berth): Promise<void> {
  const { report } = world;
  await report.check('process: no secret in the log', async () => {
    const lines = (await berth.readLog()).split('\n').filter((line) => line !== '');
    expect(lines.length > 100, `only ${lines.length} log lines`);
    for (const [what, pattern] of SECRETS) {
      const found = lines.find((line) => pattern.test(line));
      expect(found === undefined, `${what} in: ${found?.slice(0, 200)}`);
    }
    return `${lines.length} lines`;
  });
  await report.check('process: metrics tell of the run', async () => {
    const text = await berth.metrics();
    const total = (name: string, label = '') =>
      text
        .split('\n')
        .filter((line) => line.startsWith(name) && line.includes(label))
        .reduce((sum, line) => sum + Number(line.split(' ').pop()), 0);
    expect(total('berth_tickets_issued_total') > 0, `no ticket was counted in:\n${text.slice(0, 1000)}`);
    expectEqual(total('berth_blob_digest_mismatches_total'), 0, 'digest mismatches');
    expectEqual(total('berth_redirects_refused_total'), 0, 'redirects refused');
    return `${total('berth_tickets_issued_total')} tickets`;
  });
  await report.check('process: SIGTERM ends it with exit code 0', async () => {
    expectEqual(await berth.daemon.end(), { code: 0, signal: null }, 'end');
    return undefined;
  });
}
