import type { TestBlob } from '../support/image.ts';
import type { Entry } from './catalogue.ts';
import type { SoakHttp } from './http.ts';
import {
  type Answered,
  type ByteRange,
  checkBytes,
  checkParts,
  checkRange,
  checkWhole,
  WrongBytes,
} from './oracle.ts';

/** One try that came to nothing, for a reason that a client tries again for. */
export class TryFailed extends Error {
  readonly code = 'try_failed';
  /** One word for the report. */
  readonly kind: string;

  constructor(kind: string, message = kind) {
    super(message);
    this.kind = kind;
  }
}

export type Puller = {
  /** Manifests, then every blob, each as one body or resumed at its byte as containerd does. */
  pull(entry: Entry): Promise<void>;
  range(repository: string, blob: TestBlob, range: ByteRange): Promise<void>;
  parts(repository: string, blob: TestBlob, ranges: readonly ByteRange[]): Promise<void>;
  head(repository: string, blob: TestBlob): Promise<void>;
  /** Begins to read and leaves. */
  leave(repository: string, blob: TestBlob, afterBytes: number): Promise<void>;
};

/** Milliseconds that a token is used for. */
const TOKEN_MS = 120_000;
/** Times that one blob is gone on with before the whole pull counts as failed. */
const RESUMES = 5;
const ACCEPT = 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json';

/** A client of its own that believes nothing: every byte is compared. */
export function createPuller(options: {
  readonly http: SoakHttp;
  /** Host of the login server. */
  readonly login: string;
  readonly service: string;
  readonly onResume: () => void;
}): Puller {
  const { http, login, service } = options;
  const tokens = new Map<string, { readonly value: string; readonly until: number }>();

  async function send(...question: Parameters<SoakHttp['send']>): Promise<Answered> {
    try {
      return await http.send(...question);
    } catch (error) {
      throw new TryFailed('no_answer', String(error));
    }
  }

  async function token(repository: string): Promise<string> {
    const kept = tokens.get(repository);
    if (kept !== undefined && kept.until > Date.now()) return kept.value;
    const query = new URLSearchParams({ service, scope: `repository:${repository}:pull` });
    const answer = await send(`https://${login}/oauth2/token?${query.toString()}`);
    if (answer.status !== 200 || !answer.isWhole) throw new TryFailed(`token_${answer.status}`);
    const document: { readonly token?: string } = JSON.parse(answer.body.toString());
    const value = `Bearer ${document.token ?? ''}`;
    tokens.set(repository, { value, until: Date.now() + TOKEN_MS });
    return value;
  }

  async function ask(
    repository: string,
    path: string,
    asked: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Answered> {
    const authorization = await token(repository);
    const answer = await send(`https://${login}/v2/${repository}/${path}`, {
      ...asked,
      headers: { ...asked.headers, authorization },
    });
    if (answer.status === 401) tokens.delete(repository);
    return answer;
  }

  async function manifest(repository: string, reference: string, wanted: TestBlob): Promise<void> {
    const answer = await ask(repository, `manifests/${reference}`, { headers: { accept: ACCEPT } });
    if (answer.status !== 200) throw new TryFailed(`manifest_${answer.status}`);
    if (checkWhole(wanted, answer) < wanted.bytes.length) throw new TryFailed('manifest_short');
  }

  /** The answer of whoever holds the bytes: mostly the data endpoint that the login server redirects to. */
  async function blobAnswer(
    repository: string,
    blob: TestBlob,
    headers: Readonly<Record<string, string>>,
    hangUpAfter?: number,
  ): Promise<Answered> {
    const first = await ask(repository, `blobs/${blob.digest}`, { headers });
    if (first.status === 200 || first.status === 206) return first;
    const { location } = first.headers;
    if (first.status !== 307 || location === undefined) throw new TryFailed(`blob_${first.status}`);
    const answer = await send(location, { headers, ...(hangUpAfter !== undefined && { hangUpAfter }) });
    if (answer.status === 200 || answer.status === 206) return answer;
    throw new TryFailed(`data_${answer.status}`);
  }

  async function whole(repository: string, blob: TestBlob): Promise<void> {
    let bytes = 0;
    for (let resumes = 0; ; resumes += 1) {
      const answer = await blobAnswer(repository, blob, bytes === 0 ? {} : { range: `bytes=${bytes}-` });
      if (answer.status === 200) bytes = checkWhole(blob, answer);
      else bytes += checkRange(blob, [bytes, blob.bytes.length - 1], answer);
      if (bytes === blob.bytes.length) {
        // The held back end is sent last: whoever has all of it was told that it is good.
        if (!answer.isWhole) throw new WrongBytes(`whole: ${blob.digest} was all there and not ended`);
        return;
      }
      if (answer.isWhole) throw new WrongBytes(`whole: ${blob.digest} ended well at byte ${bytes}`);
      if (resumes === RESUMES) throw new TryFailed('short');
      options.onResume();
    }
  }

  return {
    async pull({ repository, tag, image }) {
      await manifest(repository, tag, image.index);
      for (const each of image.manifests) await manifest(repository, each.digest, each);
      await Promise.all(image.blobs.map((blob) => whole(repository, blob)));
    },
    async range(repository, blob, [first, last]) {
      const answer = await blobAnswer(repository, blob, { range: `bytes=${first}-${last}` });
      if (answer.status === 200) checkBytes(blob, 0, answer.body, 'range, answered whole');
      else checkRange(blob, [first, last], answer);
      if (!answer.isWhole) throw new TryFailed('short');
    },
    async parts(repository, blob, ranges) {
      const text = ranges.map(([first, last]) => `${first}-${last}`).join(',');
      const answer = await blobAnswer(repository, blob, { range: `bytes=${text}` });
      const isMultipart = (answer.headers['content-type'] ?? '').startsWith('multipart/');
      // Storage itself, where data endpoints are off, knows one range at most.
      if (answer.status === 206 && isMultipart) checkParts(blob, ranges, answer);
      else if (answer.status === 200) checkBytes(blob, 0, answer.body, 'parts, answered whole');
      if (!answer.isWhole) throw new TryFailed('short');
    },
    async head(repository, blob) {
      const answer = await ask(repository, `blobs/${blob.digest}`, { method: 'HEAD' });
      if (answer.status === 307) return;
      if (answer.status !== 200) throw new TryFailed(`head_${answer.status}`);
      if (answer.headers['content-length'] !== String(blob.bytes.length))
        throw new WrongBytes(`HEAD: ${answer.headers['content-length']} bytes, not ${blob.bytes.length}`);
    },
    async leave(repository, blob, afterBytes) {
      const answer = await blobAnswer(repository, blob, {}, afterBytes);
      checkBytes(blob, 0, answer.body, 'left early');
    },
  };
}
