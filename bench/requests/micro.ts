import { openTicket } from '../../src/ticket/open-ticket.ts';
import { sealTicket } from '../../src/ticket/seal-ticket.ts';
import { generateTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { NOW_SECONDS, sampleTicket } from '../../test/ticket/sample-ticket.ts';
import type { SectionRun } from '../bench.ts';
import { tabulate } from '../tabulate.ts';

const CALLS = 2_000;
const WARM_UP_ROUNDS = 3;
const MICROSECONDS_PER_MILLISECOND = 1_000;

/** What sealing and opening a ticket cost. */
export const MICRO: SectionRun = {
  name: 'micro',
  title: 'Tickets',
  async run({ options, say }) {
    const keys = generateTicketKeys();
    const ticket = sampleTicket();
    const query = sealTicket(keys, ticket);
    const seal = (): boolean => sealTicket(keys, ticket).length > 0;
    const open = (): boolean => openTicket(keys, query, ticket, NOW_SECONDS).kind === 'ok';
    const [seals, opens]: [number[], number[]] = [[], []];
    for (let round = -WARM_UP_ROUNDS; round < options.rounds; round += 1) {
      const taken = [time(seal), time(open)] as const;
      if (round < 0) continue;
      seals.push(taken[0]);
      opens.push(taken[1]);
    }
    const rows = [
      { name: 'a ticket sealed', rounds: seals },
      { name: 'a ticket opened', rounds: opens },
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
      markdown: `In the benchmark's own process, ${CALLS} calls per round, ${options.rounds} rounds. A ticket is to be opened in less than 50 µs.

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
