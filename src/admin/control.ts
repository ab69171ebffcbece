import type { Logger } from 'pino';

import { type ControlApiDeps, createControlApi } from './control-api.ts';
import { createControlServer } from './control-server.ts';
import { openControlSocket } from './control-socket.ts';

export type Control = {
  /** @throws {ControlSocketError} */
  listen(): Promise<void>;
  /** Takes no more requests; those under way are answered. May be called without `listen`. */
  close(): Promise<void>;
};

/** For an answer under way; a client that says nothing must not hold up the end. */
const CLOSE_TIMEOUT_MS = 1000;

/** What the commands talk to, on a Unix socket and nowhere else (W7, W8). */
export function createControl(socketPath: string, deps: ControlApiDeps & { readonly log: Logger }): Control {
  const server = createControlServer(createControlApi(deps), deps.log);
  let giveUp: (() => Promise<void>) | undefined;
  return {
    async listen() {
      giveUp = await openControlSocket(socketPath, server);
    },
    async close() {
      await giveUp?.();
      giveUp = undefined;
      if (!server.listening) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeIdleConnections();
      const deadline = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
      await promise;
      clearTimeout(deadline);
    },
  };
}
