import { type DestinationStream, pino } from 'pino';
import type { CliDeps, RunningApp } from '../../src/cli/cli-deps.ts';

/** Dependencies of the commands that keep what is printed, and an application that does nothing. */
export function testDeps(overrides: Partial<CliDeps> = {}): {
  readonly deps: CliDeps;
  readonly output: { stdout: string; stderr: string; log: string };
} {
  const output = { stdout: '', stderr: '', log: '' };
  const destination: DestinationStream = { write: (line) => void (output.log += line) };
  const app: RunningApp = {
    start: () =>
      Promise.resolve({ listeners: [{ address: '127.0.0.1', port: 5000 }], metrics: null, console: null }),
    stop: () => Promise.resolve(),
    reload: () => Promise.resolve(),
    reopenAuditLog: () => Promise.resolve(),
  };
  const deps: CliDeps = {
    env: {},
    version: '0.0.0-test',
    columns: 100,
    colours: false,
    progressColumns: undefined,
    stdout: (text) => void (output.stdout += text),
    stderr: (text) => void (output.stderr += text),
    createLogger: (level) => pino({ level, base: null }, destination),
    createApp: () => Promise.resolve(app),
    loopbackAddresses: () => ['127.0.0.1', '::1'],
    resolveHost: () => Promise.reject(new Error('no name resolves in tests')),
    dnsServers: () => ['192.0.2.53'],
    stopSignal: () => AbortSignal.abort(),
    onReloadSignal: () => undefined,
    onReopenSignal: () => {},
    ...overrides,
  };
  return { deps, output };
}
