import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { TestAuthority } from '../../support/ca.ts';
import { HOSTS } from '../hosts-file.ts';
import { startDaemon, waitUntil } from '../process.ts';
import { listens } from '../storage.ts';

/** Where one replica listens. */
export type ReplicaAddresses = { readonly address: string; readonly metricsPort: number };

/** The two files of deploy/haproxy. */
export type BalancerMode = 'http' | 'tcp';

export type Balancer = {
  /** New requests, or connections, go to this replica alone, counted from 0; undefined: to each in turn. */
  only(index: number | undefined): Promise<void>;
  /** Its checks find all of them well. */
  areAllUp(): Promise<boolean>;
  /** Of each kind of client (what its User-Agent begins with) how many of its requests are under way at the data endpoint. Of `http` alone. */
  underWay(): Promise<ReadonlyMap<string, number>>;
  /** One line of the log for each request; of `http` alone. */
  requests(): Promise<readonly BalancedRequest[]>;
  end(): Promise<unknown>;
};

export type BalancedRequest = {
  readonly server: string;
  /** How it ended, as HAProxy has it: `--` well, `SD` the server went away in the middle of the body. */
  readonly ending: string;
  /** Bytes that the client was sent. */
  readonly bytes: number;
  readonly agent: string;
  readonly retries: number;
};

const START_TIMEOUT_MS = 30_000;
const FILES = { http: 'haproxy.cfg', tcp: 'haproxy-tcp.cfg' } as const;
const SERVERS = ['one', 'two', 'three'] as const;
const MARK = 'e2e';

/** HAProxy with the file of deploy/haproxy, but for the addresses, and with what shows who is served. */
export async function startHaproxy(options: {
  readonly program: string;
  readonly mode: BalancerMode;
  readonly authority: TestAuthority;
  readonly directory: string;
  readonly replicas: readonly ReplicaAddresses[];
}): Promise<Balancer> {
  const { program, mode, directory } = options;
  const socket = join(directory, `haproxy-${mode}.sock`);
  const file = join(directory, FILES[mode]);
  await writeFile(file, await formatConfig(options, socket));
  const logFile = join(directory, `haproxy-${mode}-${Date.now()}.log`);
  const daemon = await startDaemon('haproxy', [program, '-db', '-f', file], {
    logFile,
    env: { PATH: process.env['PATH'] },
  });
  const ready = async () =>
    (await listens(HOSTS.replicasLogin.address)) && listens(HOSTS.replicasData.address);
  await waitUntil('haproxy', ready, { daemon, timeoutMs: START_TIMEOUT_MS });
  return {
    async only(index) {
      for (const [at, name] of SERVERS.entries()) {
        const state = index === undefined || index === at ? 'ready' : 'drain';
        await ask(socket, `set server berths/${name} state ${state}`);
      }
    },
    async areAllUp() {
      const lines = (await ask(socket, 'show servers state berths')).split('\n');
      const states = lines.map((line) => line.split(' ')).filter(([id = '']) => /^\d+$/.test(id));
      // Columns of its file format 1: srv_name, srv_op_state (2: running).
      return SERVERS.every((name) => states.some((fields) => fields[3] === name && fields[5] === '2'));
    },
    async underWay() {
      const counts = new Map<string, number>();
      for (const line of (await ask(socket, 'show table clients')).split('\n')) {
        const [, key = '', count = '0'] = /key=(\S+) .*conn_cur=(\d+)/.exec(line) ?? [];
        const agent = agentOf(key);
        if (agent !== '') counts.set(agent, (counts.get(agent) ?? 0) + Number(count));
      }
      return counts;
    },
    requests: async () => (await readFile(logFile, 'utf8')).split('\n').flatMap(parseRequest),
    end: () => daemon.end(),
  };
}

/** The product, without its version. */
function agentOf(userAgent: string): string {
  return userAgent.split('/', 1)[0] ?? '';
}

function parseRequest(line: string): BalancedRequest[] {
  const [, server = '', retries, bytes, ending = '', agent = ''] =
    / (\S+) retries=\+?(\d+) (\d+) bytes .* ms (\S\S) e2e=(\S*)$/.exec(line) ?? [];
  if (server === '') return [];
  return [{ server, ending, bytes: Number(bytes), agent: agentOf(agent), retries: Number(retries) }];
}

async function ask(path: string, command: string): Promise<string> {
  const socket = connect(path);
  await once(socket, 'connect');
  socket.end(`${command}\n`);
  return text(socket);
}

async function formatConfig(
  { mode, authority, directory, replicas }: Parameters<typeof startHaproxy>[0],
  socket: string,
): Promise<string> {
  const certificates = join(directory, 'haproxy-certificates');
  const names = [HOSTS.replicasLogin, HOSTS.replicasData];
  await mkdir(certificates, { recursive: true });
  for (const { name } of names) {
    const { cert, key } = await authority.issue([name]);
    await writeFile(join(certificates, `${name}.pem`), `${cert}\n${key}`);
  }
  const binds = names.map(({ address }) => `${address}:443`).join(',');
  const source = new URL(`../../../deploy/haproxy/${FILES[mode]}`, import.meta.url);
  let config = await readFile(fileURLToPath(source), 'utf8');
  const replace = (from: string, to: string): void => {
    if (!config.includes(from)) throw new Error(`${FILES[mode]} has no "${from}"`);
    config = config.replace(from, to);
  };
  replace('bind :443', `bind ${binds}`);
  replace('global\n', `global\n  stats socket ${socket} mode 600 level admin\n`);
  for (const [index, name] of SERVERS.entries()) {
    const replica = replicas[index];
    if (replica === undefined) throw new Error('there are three');
    replace(
      `server ${name} 10.0.0.${index + 1}:443`,
      `server ${name} ${replica.address}:443 addr 127.0.0.1 port ${replica.metricsPort}`,
    );
  }
  // The same on each machine; here they share one.
  replace('check port 9464', 'check');
  if (mode === 'tcp') return config;
  replace('/etc/haproxy/certs/', `${certificates}/`);
  replace('/etc/haproxy/berth-ca.pem', authority.caFile);
  replace(' %ts"', ` %ts ${MARK}=%[capture.req.hdr(0)]"`);
  replace(
    '  default_backend berths\n',
    [
      '  http-request capture req.hdr(user-agent),word(1,\\ ) len 32',
      `  http-request track-sc0 req.hdr(user-agent),word(1,\\ ) table clients if { dst ${HOSTS.replicasData.address} }`,
      '  default_backend berths',
      'backend clients',
      '  stick-table type string len 32 size 1k store conn_cur',
      '',
    ].join('\n'),
  );
  return config;
}
