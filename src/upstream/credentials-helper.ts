import { spawn } from 'node:child_process';
import type { Credentials } from './credentials.ts';
import { parseJsonObject } from './json-object.ts';

/** Bytes of a helper's answer. */
const MAX_OUTPUT = 64 * 1024;

/**
 * A docker credential helper: `<command> get`, the host on stdin, `{"Username","Secret"}` on stdout.
 * What the helper prints is never repeated: it may hold the secret, and its error output often does.
 */
export async function runCredentialHelper(
  command: readonly string[],
  host: string,
  timeoutMs: number,
): Promise<Credentials> {
  const [program = '', ...args] = command;
  const output = await run(program, [...args, 'get'], host, timeoutMs);
  const answer = parseAnswer(output);
  if (answer === undefined) {
    throw new Error(`upstream.auth.exec ${program}: its answer must be JSON with Username and Secret`);
  }
  return answer;
}

function run(program: string, args: readonly string[], input: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (what: string, cause?: unknown): void =>
      reject(new Error(`upstream.auth.exec ${program} ${what}`, cause === undefined ? undefined : { cause }));
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    const chunks: Buffer[] = [];
    let length = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_OUTPUT) {
        child.kill('SIGKILL');
        fail(`printed more than ${MAX_OUTPUT} bytes`);
      } else {
        chunks.push(chunk);
      }
    });
    child.on('error', (error: NodeJS.ErrnoException) =>
      fail(`can not be run (${error.code ?? 'unknown'})`, error),
    );
    child.on('close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(chunks).toString('utf8'));
      else if (code === null && signal === 'SIGKILL') fail(`did not answer within ${timeoutMs} ms`);
      else fail(`ended with ${code === null ? `signal ${signal}` : `status ${code}`}`);
    });
    // A helper that does not read its input closes the pipe; its answer decides, not that.
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${input}\n`);
  });
}

function parseAnswer(output: string): Credentials | undefined {
  const { Username: username, Secret: password } = parseJsonObject(output) ?? {};
  if (typeof username !== 'string' || typeof password !== 'string' || password === '') return undefined;
  return { username, password };
}
