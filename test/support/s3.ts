import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GoProgram, installGoProgram } from './go-program.ts';
import { listen } from './server.ts';
import { until } from './until.ts';

/** An S3 server over a folder, of Go, at an exact version. */
export const VERSITYGW: GoProgram = {
  name: 'versitygw',
  source: 'github.com/versity/versitygw/cmd/versitygw',
  version: 'v1.8.0',
};

export type TestS3 = {
  readonly url: string;
  readonly bucket: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** `<access key id>:<secret access key>` on its first line. */
  readonly credentialsFile: string;
  close(): Promise<void>;
};

export async function startS3(): Promise<TestS3> {
  const program = await installGoProgram(VERSITYGW, () => undefined);
  const directory = await mkdtemp(join(tmpdir(), 'berth-s3-'));
  const bucket = 'blobs';
  await mkdir(join(directory, 'data', bucket), { recursive: true });
  await mkdir(join(directory, 'sidecar'));
  const credentials = { accessKeyId: 'berth', secretAccessKey: randomBytes(24).toString('hex') };
  const credentialsFile = join(directory, 'credentials');
  await writeFile(credentialsFile, `${credentials.accessKeyId}:${credentials.secretAccessKey}\n`);
  const port = await freePort();
  const args = ['--port', `127.0.0.1:${port}`, '--region', 'us-east-1', 'posix'];
  // Not every file system has extended attributes.
  args.push('--sidecar', join(directory, 'sidecar'), join(directory, 'data'));
  const child: ChildProcess = spawn(program, args, {
    stdio: 'ignore',
    env: {
      PATH: process.env['PATH'],
      ROOT_ACCESS_KEY: credentials.accessKeyId,
      ROOT_SECRET_KEY: credentials.secretAccessKey,
    },
  });
  const url = `http://127.0.0.1:${port}`;
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`versitygw ended with ${child.exitCode}`);
    return fetch(url).then(
      () => true,
      () => false,
    );
  }, 'versitygw listens');
  return {
    url,
    bucket,
    credentials,
    credentialsFile,
    async close() {
      if (child.exitCode === null) {
        const gone = once(child, 'exit');
        child.kill('SIGKILL');
        await gone;
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  const closed = once(server, 'close');
  server.close();
  await closed;
  return port;
}
