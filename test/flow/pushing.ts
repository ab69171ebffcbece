import type { TestResponse } from '../support/http-client.ts';
import { REPOSITORY, type Scene } from './scene.ts';

export type UploadStart = { readonly answer: TestResponse; readonly location: string };

/** POST of an upload, which must be answered with this status. */
export async function startUpload(scene: Scene, query = '', status = 202): Promise<UploadStart> {
  const path = `/v2/${REPOSITORY}/blobs/uploads/${query}`;
  const answer = await scene.send(path, { method: 'POST' });
  if (answer.status !== status) throw new Error(`upload: ${answer.status} ${answer.body.toString()}`);
  return { answer, location: answer.headers.location ?? '' };
}
