import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';
import { formatTicketKeys, generateTicketKeys } from '../../../src/ticket/ticket-keys.ts';
import type { TestAuthority } from '../../support/ca.ts';
import { startFixtureRegistry } from '../../support/fixture-registry.ts';
import { createTestClient, type TestRequest, type TestResponse } from '../../support/http-client.ts';
import { testDirectory } from '../../support/test-directory.ts';
import { type Cell, HELD_FROM, judge, PIECE_BYTES, requestOf, type Seen } from './cells.ts';
import { startMatrixOrigin } from './origin.ts';
import { bothOf, type CellOutcome } from './run-fault.ts';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
const REPOSITORY = 'team/app';

/** A Berth of its own process is killed in the middle of all cells, and started again on the same cache directory. */
export async function runKill(
  t: Test,
  options: { readonly authority: TestAuthority; readonly cells: readonly Cell[]; readonly seed: string },
): Promise<{ outcomes: readonly CellOutcome[]; asked: ReadonlyMap<Cell, number> }> {
  const { authority, cells, seed } = options;
  const directory = testDirectory(t);
  await cp(seed, join(directory, 'cache'), { recursive: true, filter: (path) => !path.endsWith('/lock') });
  const blobs = new Map(cells.map(({ digest, blob }) => [digest, blob]));
  const origin = await startMatrixOrigin(
    blobs,
    await authority.issue(['localhost', '127.0.0.1']),
    '127.0.0.1',
  );
  t.teardown(() => origin.close());
  const registry = await startFixtureRegistry({
    blobs: { kind: 'redirect', locate: (digest) => origin.url(digest) },
  });
  t.teardown(() => registry.close());
  for (const [digest, blob] of blobs) registry.store.putBlob(REPOSITORY, digest, blob);
  const config = {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    metrics: null,
    ticket: { keyFile: 'ticket.keys' },
    cache: { directory: 'cache', pieceBytes: PIECE_BYTES, minFreeBytes: 0, maxBytes: '1GiB' },
    registries: [
      {
        name: 'contoso',
        loginServer: 'localhost',
        scheme: 'http',
        delivery: 'inline',
        redirectHosts: [`127.0.0.1:${origin.port}`],
        upstream: {
          url: registry.url,
          caFile: authority.caFile,
          allowedPrivateAddresses: ['127.0.0.0/8'],
        },
      },
    ],
  };
  await writeFile(join(directory, 'ticket.keys'), formatTicketKeys(generateTicketKeys()), { mode: 0o600 });
  const file = join(directory, 'berth.yaml');
  await writeFile(file, JSON.stringify(config));

  let port = 0;
  const client = createTestClient({ route: () => ({ address: '127.0.0.1', port }) });
  t.teardown(() => client.close());
  const send = (cell: Cell, request: TestRequest): Promise<TestResponse | undefined> =>
    client.send(`http://localhost/v2/${REPOSITORY}/blobs/${cell.digest}`, request).catch(() => undefined);
  const ask = async (cell: Cell, onAnswered?: () => void): Promise<Seen> => {
    const request = { ...requestOf(cell.method), ...(onAnswered && { onAnswered }) };
    return judge(cell.method, cell.blob, await send(cell, request));
  };
  const askWhole = async (cell: Cell): Promise<Seen> => judge('GET', cell.blob, await send(cell, {}));

  /** Until the cell's request is in the middle of what it is about; warm ones are answered. */
  async function begin(
    cell: Cell,
  ): Promise<{ cell: Cell; seen: Promise<Seen>; leader: Promise<Seen> | undefined }> {
    const isAtFirstByte = cell.state === 'cold' || (cell.state === 'partial' && cell.method === 'HEAD');
    if (cell.state === 'partial' && cell.method !== 'HEAD') await send(cell, { method: 'HEAD' });
    const held = origin.hold(cell.digest, isAtFirstByte ? 0 : HELD_FROM);
    const leader = cell.state === 'filling' ? askWhole(cell) : undefined;
    if (leader !== undefined) await held;
    const { promise: answered, resolve } = Promise.withResolvers<void>();
    const seen = ask(cell, resolve);
    if (isAtFirstByte) await held;
    else if (cell.state === 'warm') await seen;
    else await Promise.all([answered, cell.method === 'HEAD' ? undefined : held]);
    return { cell, seen, leader };
  }

  const first = await startBerthProcess(t, file);
  port = first.port;
  const running = await Promise.all(cells.map(begin));
  await first.kill();
  const words = await Promise.all(
    running.map(async ({ seen, leader }) => ({ seen: await seen, leader: await leader })),
  );
  origin.release();
  const before = new Map(cells.map((cell) => [cell, origin.asked(cell.digest)]));
  const second = await startBerthProcess(t, file);
  port = second.port;
  const outcomes = await Promise.all(
    running.map(async ({ cell }, index) => ({
      cell,
      seen: words[index]?.seen ?? '-',
      leader: words[index]?.leader,
      after: await ask(cell),
      whole: await askWhole(cell),
      healed: bothOf(await askWhole(cell), await ask(cell)),
    })),
  );
  await second.kill();
  const asked = new Map(cells.map((cell) => [cell, origin.asked(cell.digest) - (before.get(cell) ?? 0)]));
  return { outcomes, asked };
}

async function startBerthProcess(t: Test, file: string): Promise<{ port: number; kill(): Promise<void> }> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--config', file], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  t.teardown(kill);
  for await (const text of createInterface({ input: child.stdout })) {
    const line: { msg?: string; listeners?: string[] } = JSON.parse(text);
    if (line.msg !== 'listening') continue;
    // What it says from now on is not read, and must not stop it.
    child.stdout.resume();
    return { port: Number(line.listeners?.[0]?.split(':').at(-1)), kill };
  }
  throw new Error('the process ended before it listened');
}
