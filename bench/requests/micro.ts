import { rmSync } from 'node:fs';
import { openTicket } from '../../src/ticket/open-ticket.ts';
import { sealTicket } from '../../src/ticket/seal-ticket.ts';
import { generateTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { NOW_SECONDS, sampleTicket } from '../../test/ticket/sample-ticket.ts';
import type { SectionRun } from '../bench.ts';
import { startBerth } from '../berth.ts';
import { startOrigin } from '../nginx.ts';
import { tabulate } from '../tabulate.ts';
import { measureRequests } from './measure-requests.ts';

const CALLS = 2_000;
const REQUESTS = 10_000;
const WARM_UP_ROUNDS = 3;
const MICROSECONDS_PER_MILLISECOND = 1_000;

/** What the small things of a redirect cost. */
export const MICRO: SectionRun = {
  name: 'micro',
  title: 'Tickets and redirects',
  async run({ workspace, options, say }) {
    const keys = generateTicketKeys();
    const ticket = sampleTicket();
    const query = sealTicket(keys, ticket);
    const seal = (): boolean => sealTicket(keys, ticket).length > 0;
    const open = (): boolean => openTicket(keys, query, ticket, NOW_SECONDS).kind === 'ok';
    const blob = workspace.addBlob(1);
    const origin = await startOrigin(workspace);
    const berth = await startBerth(workspace, origin);
    const redirect = {
      name: 'redirect',
      pid: berth.pid,
      url: `${berth.dedicated}${blob.path}`,
      status: 307,
    };
    const [seals, opens, redirects]: [number[], number[], number[]] = [[], [], []];
    try {
      for (let round = -WARM_UP_ROUNDS; round < options.rounds; round += 1) {
        const taken = [time(seal), time(open)] as const;
        const { microsecondsPerRequest } = await measureRequests(redirect, REQUESTS);
        if (round < 0) continue;
        seals.push(taken[0]);
        opens.push(taken[1]);
        redirects.push(microsecondsPerRequest);
      }
    } finally {
      await berth.stop();
      await origin.stop();
      rmSync(blob.file);
    }
    const rows = [
      { name: 'a ticket sealed', rounds: seals },
      { name: 'a ticket opened', rounds: opens },
      { name: 'a blob request answered with 307, all of it', rounds: redirects },
    ];
    const { markdown, figures } = tabulate(rows, [
      {
        head: 'CPU µs',
        metric: 'CPU',
        unit: 'µs',
        better: 'less',
        digits: 1,
        value: (microseconds) => microseconds,
      },
    ]);
    say(`micro\n${markdown}`);
    return {
      figures,
      markdown: `The first two in the benchmark's own process, ${CALLS} calls per round; the last is CPU of a Berth that has the decision, ${REQUESTS} requests per round over 32 kept
connections, from the first byte of the request to the last of the answer; ${options.rounds} rounds.

${markdown}`,
    };
  },
};

/** Microseconds of CPU per call. */
function time(call: () => boolean): number {
  const before = process.cpuUsage();
  const start = performance.now();
  for (let at = 0; at < CALLS; at += 1) {
    if (!call()) throw new Error('the call failed');
  }
  const elapsed = (performance.now() - start) * MICROSECONDS_PER_MILLISECOND;
  const { user, system } = process.cpuUsage(before);
  // Other threads, the collector's, may count as well: it is never more than the time that passed.
  return Math.min(user + system, elapsed) / CALLS;
}
