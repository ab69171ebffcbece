import type { Bench } from '../bench.ts';
import type { Row } from '../tabulate.ts';
import { measureRequests, type RequestFigures, type RequestSubject } from './measure-requests.ts';

/** Of a round: code is compiled and everything cached by then. */
const WARM_UP = 0.5;

/** Every subject once in each round, in their order, after all of them have been warmed. */
export async function measureRows(
  { options, say }: Bench,
  subjects: readonly RequestSubject[],
  requests: number,
): Promise<readonly Row<RequestFigures>[]> {
  const rows = subjects.map((subject) => ({
    subject,
    name: subject.name,
    case: subject.case ?? '',
    peer: subject.peer,
    rounds: new Array<RequestFigures>(),
  }));
  for (const { subject } of rows) await measureRequests(subject, (subject.requests ?? requests) * WARM_UP);
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const { subject, rounds } of rows) {
      const figures = await measureRequests(subject, subject.requests ?? requests);
      rounds.push(figures);
      say(`round ${round}: ${subject.name} ${subject.case ?? ''}: ${figures.requestsPerSecond.toFixed(0)}/s`);
    }
  }
  return rows;
}
