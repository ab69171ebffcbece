import { chmod, link, lstat, mkdtemp, rm, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { describeCode, errorCode } from '../system/error-code.ts';
import { makeDirectory } from '../system/make-directory.ts';

export type ControlSocketErrorCode = 'socket_in_use' | 'socket_not_ours' | 'socket_unusable';

/** The message is for the operator as it is: path, what is wrong, what to do. */
export class ControlSocketError extends Error {
  override readonly name = 'ControlSocketError';
  readonly code: ControlSocketErrorCode;

  constructor(code: ControlSocketErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Bytes of a path that every system takes (macOS: 104 with the final NUL). */
const MAX_PATH_BYTES = 103;
/** For a process on this machine to take a connection; one that is stopped or full takes none and is alive all the same. */
const PROBE_TIMEOUT_MS = 2000;

/**
 * Lets the server listen on a Unix socket that only its owner (and root) can use from its first moment on: it is made in
 * a directory that nobody else can enter, and gets its name when its mode is 0600. A socket that a process left behind is
 * replaced; one that somebody answers on, and anything that is no socket, is left alone.
 *
 * @returns what gives the name up again
 * @throws {ControlSocketError}
 */
export async function openControlSocket(path: string, server: Server): Promise<() => Promise<void>> {
  const directory = dirname(path);
  let hidden: string | undefined;
  try {
    await makeDirectory(directory, 0o700);
    await removeStale(path);
    hidden = await mkdtemp(join(directory, '.'));
    const made = join(hidden, 's');
    if (Buffer.byteLength(made) > MAX_PATH_BYTES || Buffer.byteLength(path) > MAX_PATH_BYTES) {
      throw new ControlSocketError(
        'socket_unusable',
        `the control socket ${path} has too long a path for a Unix socket: choose a shorter admin.socket`,
      );
    }
    await listen(server, made);
    await chmod(made, 0o600);
    await name(made, path);
    const { ino } = await lstat(path);
    return () => removeOwn(path, ino);
  } catch (error) {
    server.close();
    throw describe(path, error);
  } finally {
    if (hidden !== undefined) await rm(hidden, { recursive: true, force: true });
  }
}

async function removeStale(path: string): Promise<void> {
  const found = await statOf(path);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new ControlSocketError(
      'socket_not_ours',
      `the control socket ${path} is something else than a socket, and is left as it is: choose another admin.socket, or move it away`,
    );
  }
  if (await isAnswered(path)) throw inUse(path);
  // Between question and removal another process may have put its own there.
  const { ino } = found;
  await removeOwn(path, ino);
}

/** Removes the socket if it is still the one that is meant. */
async function removeOwn(path: string, ino: number): Promise<void> {
  const found = await statOf(path);
  if (found?.ino === ino) await unlink(path);
}

async function statOf(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** False only where the system itself says that nobody is there. */
function isAnswered(path: string): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const socket = connect({ path });
  socket.setTimeout(PROBE_TIMEOUT_MS, () => resolve(true));
  socket.once('connect', () => resolve(true));
  socket.once('error', (error) => {
    const code = errorCode(error);
    if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(false);
    else if (code === 'EAGAIN') resolve(true);
    else reject(error);
  });
  return promise.finally(() => socket.destroy());
}

async function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ path }, resolve);
  await promise;
  server.off('error', reject);
}

/** Unlike rename, link fails where another process was faster. */
async function name(made: string, path: string): Promise<void> {
  try {
    await link(made, path);
  } catch (error) {
    throw errorCode(error) === 'EEXIST' ? inUse(path, error) : error;
  }
}

function describe(path: string, error: unknown): Error {
  if (error instanceof ControlSocketError) return error;
  return new ControlSocketError(
    'socket_unusable',
    `the control socket ${path} can not be opened (${describeCode(error)}): check owner and mode of its directory, or choose another admin.socket`,
    error,
  );
}

function inUse(path: string, cause?: unknown): ControlSocketError {
  return new ControlSocketError(
    'socket_in_use',
    `another process answers at the control socket ${path}: stop it, or give each Berth its own admin.socket and stateDirectory`,
    cause,
  );
}
