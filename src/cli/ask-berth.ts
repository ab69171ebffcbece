import { request } from 'node:http';

import type { Config } from '../config/config.ts';
import { errorCode } from '../system/error-code.ts';
import { CliError } from './cli-error.ts';

/** What a running Berth said, or that none can be asked, and why. */
export type BerthAnswer =
  | { readonly kind: 'document'; readonly document: unknown }
  /** Its own words: what is wrong and what to do. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  | { readonly kind: 'unreachable'; readonly reason: string };

export type BerthQuestion = {
  readonly method: 'GET' | 'PATCH' | 'POST' | 'DELETE';
  /** Below `/v1/`. */
  readonly path: string;
  readonly body?: unknown;
};

/** Milliseconds for a process on the same machine to answer; a change waits for the disk. */
const ANSWER_TIMEOUT_MS = 15_000;
/** The report has at most 10,000 networks of some 300 bytes. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** Asks the Berth that this configuration runs, through its control socket. */
export async function askBerth(config: Config, question: BerthQuestion): Promise<BerthAnswer> {
  if (config.admin === null) {
    return {
      kind: 'unreachable',
      reason:
        'the configuration has no control socket: add "admin: { socket: /run/berth/admin.sock }" and restart Berth',
    };
  }
  const { socket } = config.admin;
  try {
    const { status, text } = await exchange(socket, question);
    return read(status, text, socket);
  } catch (error) {
    return { kind: 'unreachable', reason: describe(error, socket) };
  }
}

/**
 * The same for commands that are of no use without an answer.
 * @throws CliError
 */
export async function mustAskBerth(config: Config, question: BerthQuestion): Promise<unknown> {
  const answer = await askBerth(config, question);
  switch (answer.kind) {
    case 'document':
      return answer.document;
    case 'refused':
      throw new CliError(answer.message);
    case 'unreachable':
      throw new CliError(answer.reason);
  }
}

function exchange(
  socketPath: string,
  { method, path, body }: BerthQuestion,
): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const text = body === undefined ? undefined : JSON.stringify(body);
  const outgoing = request({
    socketPath,
    method,
    path: `/v1/${path}`,
    headers: {
      host: 'berth',
      connection: 'close',
      ...(text !== undefined && {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
      }),
    },
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
  });
  outgoing.on('error', reject);
  outgoing.on('response', (response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) outgoing.destroy(new Error('its answer is too long'));
      else chunks.push(chunk);
    });
    response.on('error', reject);
    response.on('end', () =>
      resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
    );
  });
  outgoing.end(text);
  return promise;
}

function read(status: number, text: string, socket: string): BerthAnswer {
  const document: unknown = JSON.parse(text);
  if (status === 200) return { kind: 'document', document };
  const error = property(document, 'error');
  const code = property(error, 'code');
  const message = property(error, 'message');
  if (typeof code === 'string' && typeof message === 'string') return { kind: 'refused', code, message };
  return { kind: 'unreachable', reason: `what answers at ${socket} is not Berth (status ${status})` };
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function describe(error: unknown, socket: string): string {
  const code = errorCode(error);
  switch (code ?? '') {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return `no Berth answers at ${socket} (${code}): start it with "berth serve", or name the configuration it runs with by --config`;
    case 'EACCES':
    case 'EPERM':
      return `the control socket ${socket} is not yours to use (${code}): run this as the user that Berth runs as, or as root`;
    default: {
      const why = error instanceof Error ? error.message : 'unknown error';
      return `Berth at ${socket} gave no usable answer (${why}): see its log`;
    }
  }
}
