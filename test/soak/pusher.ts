import { setTimeout as sleep } from 'node:timers/promises';
import { USERS } from '../e2e/token-service.ts';
import { buildImage, type TestBlob } from '../support/image.ts';
import type { ClientDeps } from './clients.ts';
import type { SoakHttp } from './http.ts';
import type { Answered } from './oracle.ts';
import { TryFailed } from './puller.ts';

/** Milliseconds between two images. */
const PAUSE_MS = [8000, 16_000] as const;
/** Images that are pushed at most: they stay in the registry's memory and in everybody's. */
const MOST_IMAGES = 40;
const LAYER_BYTES = [400 * 1024, 90 * 1024];

/** Pushes small images through Berth, from time to time; each can be pulled by everybody from then on. */
export async function runPusher(
  where: { readonly http: SoakHttp; readonly login: string; readonly service: string },
  deps: ClientDeps,
): Promise<void> {
  const { tasks, catalogue, random, signal } = deps;
  for (let number = 1; number <= MOST_IMAGES && !signal.aborted; number += 1) {
    const repository = `public/pushed-${number}`;
    const image = buildImage({ seed: repository, layerSizes: LAYER_BYTES, architectures: [architecture()] });
    let isDone = false;
    await tasks.run('push', repository, async () => {
      const send = await openSession(where, repository);
      for (const blob of image.blobs) await pushBlob(send, `https://${where.login}`, repository, blob);
      for (const each of image.manifests) await pushManifest(send, repository, each.digest, each);
      await pushManifest(send, repository, 'v1', image.index);
      isDone = true;
    });
    // A push that the end of the run has cut short is nobody's to pull.
    if (isDone) catalogue.add({ repository, tag: 'v1', image });
    await sleep(random.between(...PAUSE_MS), undefined, { signal }).catch(() => undefined);
  }
}

function architecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}

type Send = (
  method: string,
  target: string,
  status: number,
  content?: { readonly type: string; readonly body: Buffer },
) => Promise<Answered>;

async function openSession(
  { http, login, service }: Parameters<typeof runPusher>[0],
  repository: string,
): Promise<Send> {
  const ask = async (url: string, asked: Parameters<SoakHttp['send']>[1]): Promise<Answered> =>
    http.send(url, asked).catch((error: unknown) => {
      throw new TryFailed('push_no_answer', String(error));
    });
  const query = new URLSearchParams({ service, scope: `repository:${repository}:pull,push` });
  const basic = Buffer.from(`pusher:${USERS.pusher}`).toString('base64');
  const granted = await ask(`https://${login}/oauth2/token?${query.toString()}`, {
    headers: { authorization: `Basic ${basic}` },
  });
  if (granted.status !== 200 || !granted.isWhole) throw new TryFailed(`push_token_${granted.status}`);
  const document: { readonly token?: string } = JSON.parse(granted.body.toString());
  const authorization = `Bearer ${document.token ?? ''}`;
  return async (method, target, status, content) => {
    const url = new URL(target, `https://${login}`).href;
    const type = content === undefined ? {} : { 'content-type': content.type };
    const answer = await ask(url, {
      method,
      headers: { authorization, ...type },
      ...(content && { body: content.body }),
    });
    if (answer.status !== status) throw new TryFailed(`push_${method.toLowerCase()}_${answer.status}`);
    return answer;
  };
}

async function pushBlob(send: Send, origin: string, repository: string, blob: TestBlob): Promise<void> {
  const started = await send('POST', `/v2/${repository}/blobs/uploads/`, 202);
  const location = new URL(started.headers.location ?? '', origin);
  location.searchParams.set('digest', blob.digest);
  await send('PUT', location.href, 201, { type: 'application/octet-stream', body: blob.bytes });
}

async function pushManifest(
  send: Send,
  repository: string,
  reference: string,
  blob: TestBlob,
): Promise<void> {
  const content = { type: blob.mediaType, body: blob.bytes };
  await send('PUT', `/v2/${repository}/manifests/${reference}`, 201, content);
}
