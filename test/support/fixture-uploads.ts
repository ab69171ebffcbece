import { randomUUID } from 'node:crypto';
import { answer, answerError, type FixtureExchange, readBody } from './fixture-exchange.ts';
import type { FixtureStore } from './fixture-store.ts';
import { digestOf } from './image.ts';

/** Where an upload goes on: an absolute URL, a path, or (as some registries have it) a path outside `/v2/`. */
export type UploadLocation = 'absolute' | 'relative' | 'elsewhere';

export type FixtureUploads = {
  /** POST `/v2/<name>/blobs/uploads/`. */
  start(exchange: FixtureExchange, repository: string): Promise<void>;
  /** GET, PATCH, PUT, DELETE of an upload; undefined where there is none of this id. */
  handle(exchange: FixtureExchange, id: string): Promise<void>;
  /** The repository of an upload under way. */
  repositoryOf(id: string): string | undefined;
  /** Uploads that were started and neither finished nor cancelled. */
  readonly open: number;
};

export function createFixtureUploads(
  store: FixtureStore,
  options: { readonly origin: string; readonly location: UploadLocation },
): FixtureUploads {
  const sessions = new Map<string, { repository: string; bytes: Buffer }>();

  const locationOf = (repository: string, id: string): string => {
    const state = `_state=${Buffer.from(id).toString('base64url')}%3D`;
    if (options.location === 'elsewhere') return `/sessions/${id}?${state}`;
    const path = `/v2/${repository}/blobs/uploads/${id}?${state}`;
    return options.location === 'absolute' ? `${options.origin}${path}` : path;
  };
  const progress = (repository: string, id: string, length: number) => ({
    location: locationOf(repository, id),
    'docker-upload-uuid': id,
    range: `0-${Math.max(0, length - 1)}`,
  });
  const finish = (exchange: FixtureExchange, repository: string, digest: string, bytes: Buffer): boolean => {
    const algorithm = digest.startsWith('sha512:') ? 'sha512' : 'sha256';
    if (digestOf(bytes, algorithm) !== digest) {
      answerError(exchange, 400, 'DIGEST_INVALID');
      return false;
    }
    store.putBlob(repository, digest, bytes);
    const location = `/v2/${repository}/blobs/${digest}`;
    answer(exchange, 201, { location, 'docker-content-digest': digest });
    return true;
  };

  return {
    get open() {
      return sessions.size;
    },
    repositoryOf: (id) => sessions.get(id)?.repository,
    async start(exchange, repository) {
      const mount = exchange.query.get('mount');
      const from = exchange.query.get('from');
      const mounted = mount !== null && from !== null ? store.blob(from, mount) : undefined;
      if (mount !== null && mounted) {
        store.putBlob(repository, mount, mounted);
        const location = `/v2/${repository}/blobs/${mount}`;
        answer(exchange, 201, { location, 'docker-content-digest': mount });
        return;
      }
      const body = await readBody(exchange.request);
      const digest = exchange.query.get('digest');
      if (digest !== null) {
        finish(exchange, repository, digest, body);
        return;
      }
      const id = randomUUID();
      sessions.set(id, { repository, bytes: Buffer.alloc(0) });
      answer(exchange, 202, progress(repository, id, 0));
    },
    async handle(exchange, id) {
      const session = sessions.get(id);
      if (!session) {
        answerError(exchange, 404, 'BLOB_UPLOAD_UNKNOWN');
        return;
      }
      const { repository } = session;
      if (exchange.method === 'GET') {
        answer(exchange, 204, progress(repository, id, session.bytes.length));
        return;
      }
      if (exchange.method === 'DELETE') {
        sessions.delete(id);
        answer(exchange, 204, {});
        return;
      }
      const body = await readBody(exchange.request);
      const start = /^(?:bytes )?(\d+)-\d+/.exec(exchange.request.headers['content-range'] ?? '')?.[1];
      if (start !== undefined && Number(start) !== session.bytes.length) {
        answerError(exchange, 416, 'BLOB_UPLOAD_INVALID', progress(repository, id, session.bytes.length));
        return;
      }
      session.bytes = Buffer.concat([session.bytes, body]);
      if (exchange.method === 'PATCH') {
        answer(exchange, 202, progress(repository, id, session.bytes.length));
        return;
      }
      const digest = exchange.query.get('digest') ?? '';
      if (finish(exchange, repository, digest, session.bytes)) sessions.delete(id);
    },
  };
}
