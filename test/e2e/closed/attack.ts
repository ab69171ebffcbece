import { fileURLToPath } from 'node:url';
import { inNamespace } from '../network.ts';
import { run } from '../process.ts';
import { expectEqual } from '../report.ts';
import type { World } from '../world.ts';

/** What a client that has only its own bytes and one wire can do: open a connection, and send what it likes. */
export type Attack = {
  readonly what: string;
  /** Where the connection goes, by name or address. */
  readonly to: string;
  /** Default: 443. */
  readonly port?: number;
  /** Default: TLS, the name of `to` in the handshake. */
  readonly transport?: 'tls' | 'tcp' | 'udp';
  /** Sent as it is, one character a byte. */
  readonly bytes: string;
  /** The status of every response there must be, in order; `dropped`: no connection came about. */
  readonly wanted: readonly number[] | 'dropped';
};

export type AttackOutcome = {
  readonly connected: boolean;
  /** Everything received, one character a byte. */
  readonly received: string;
};

const CLIENT = fileURLToPath(new URL('attack-client.ts', import.meta.url));

/** Runs all attacks at once in the clients' network namespace. */
export async function runAttacks(
  world: World,
  attacks: readonly Attack[],
): Promise<readonly AttackOutcome[]> {
  const env = { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: world.authority.caFile };
  const argv = inNamespace(world.network.clients, [process.execPath, CLIENT]);
  const { stdout } = await run(argv, { env, input: JSON.stringify(attacks) });
  return JSON.parse(stdout);
}

/** Status codes of the responses in what was received; a response may follow the last byte of a blob. */
export function statusesOf(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map((match) => Number(match[1]));
}

/** Runs the attacks and throws unless each ends as it must. */
export async function expectOutcomes(
  world: World,
  attacks: readonly Attack[],
): Promise<readonly AttackOutcome[]> {
  const outcomes = await runAttacks(world, attacks);
  expectEqual(outcomes.length, attacks.length, 'attacks that were carried out');
  const wrong = attacks.flatMap(({ what, wanted }, index) => {
    const outcome = outcomes[index];
    const got = outcome?.connected === true ? statusesOf(outcome.received) : 'dropped';
    return JSON.stringify(got) === JSON.stringify(wanted) ? [] : [{ what, got, wanted }];
  });
  expectEqual(wrong, [], 'attacks that end otherwise than they must');
  return outcomes;
}

/** A request with a body, all of it as the caller says; the connection is closed after the answer. */
export function requestBytes(
  line: string,
  host: string,
  fields: readonly string[] = [],
  body?: string,
): string {
  const length = body === undefined ? [] : [`Content-Length: ${body.length}`];
  const head = [`${line} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...fields, ...length];
  return `${head.join('\r\n')}\r\n\r\n${body ?? ''}`;
}
