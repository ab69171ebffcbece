import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HOSTS } from '../hosts-file.ts';
import { type Daemon, startDaemon, waitUntil } from '../process.ts';
import { listens } from '../storage.ts';

/** Where one replica listens. */
export type ReplicaAddresses = {
  readonly login: string;
  readonly data: string;
  readonly metricsPort: number;
};

const START_TIMEOUT_MS = 30_000;

/**
 * HAProxy as docs/replicas.md has it: connections dealt out one by one, no stickiness, TLS passed through, the client's address
 * by PROXY protocol, a replica that is not ready left out.
 */
export async function startHaproxy(
  program: string,
  directory: string,
  replicas: readonly ReplicaAddresses[],
): Promise<Daemon> {
  const file = join(directory, 'haproxy.cfg');
  await writeFile(file, formatConfig(replicas));
  const daemon = await startDaemon('haproxy', [program, '-db', '-f', file], {
    logFile: join(directory, 'haproxy.log'),
    env: { PATH: process.env['PATH'] },
  });
  const ready = async () =>
    (await listens(HOSTS.replicasLogin.address)) && listens(HOSTS.replicasData.address);
  await waitUntil('haproxy', ready, { daemon, timeoutMs: START_TIMEOUT_MS });
  return daemon;
}

function formatConfig(replicas: readonly ReplicaAddresses[]): string {
  const backend = (name: string, address: (replica: ReplicaAddresses) => string): string[] => [
    `backend ${name}`,
    '  balance roundrobin',
    '  option httpchk GET /readyz',
    '  default-server check inter 200ms fall 2 rise 2 on-marked-down shutdown-sessions send-proxy-v2',
    ...replicas.map(
      (replica, index) =>
        `  server replica${index} ${address(replica)}:443 check addr 127.0.0.1 port ${replica.metricsPort}`,
    ),
  ];
  return [
    'global',
    '  maxconn 2000',
    'defaults',
    '  mode tcp',
    '  timeout connect 2s',
    '  timeout client 1h',
    '  timeout server 1h',
    '  timeout check 1s',
    '  option redispatch',
    '  retries 3',
    'frontend login',
    `  bind ${HOSTS.replicasLogin.address}:443`,
    '  default_backend logins',
    'frontend data',
    `  bind ${HOSTS.replicasData.address}:443`,
    '  default_backend datas',
    ...backend('logins', ({ login }) => login),
    ...backend('datas', ({ data }) => data),
    '',
  ].join('\n');
}
