import { createRequire } from 'node:module';
import type { Readable } from 'node:stream';
import type * as undici from 'undici';

// Of undici, the pools: loading all of it (fetch, WebSocket, caches, mocks) takes three times as long and 8 MB that nothing here uses.
const require = createRequire(import.meta.url);
const { prototype }: typeof undici.Dispatcher = require('undici/lib/dispatcher/dispatcher.js');

export const Agent: typeof undici.Agent = require('undici/lib/dispatcher/agent.js');
export const Pool: typeof undici.Pool = require('undici/lib/dispatcher/pool.js');
export const ProxyAgent: typeof undici.ProxyAgent = require('undici/lib/dispatcher/proxy-agent.js');

/** What the body of an answer is at undici's `request`. */
export type BodyStream = Readable & { dump(): Promise<void> };

type BodyStreamOptions = {
  readonly resume: () => void;
  readonly abort: () => void;
  readonly contentLength: number | null;
};

export const { Readable: BodyReadable }: { Readable: new (options: BodyStreamOptions) => BodyStream } =
  require('undici/lib/api/readable.js');

/** Also of a client's message: its connection is left open. */
export const { destroy: destroyStream }: { destroy: (stream: unknown, reason: Error) => void } =
  require('undici/lib/core/util.js');

// As undici's own index does: `request` and the like are there for every dispatcher.
Object.assign(prototype, require('undici/lib/api/index.js'));
