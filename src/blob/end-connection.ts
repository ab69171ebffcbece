import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/**
 * Ends a response short: what was written still arrives, then the connection closes in order (FIN). A client that
 * counts bytes sees an unexpected end, and containerd, podman and Docker then resume with a Range.
 */
export function endShort(response: ServerResponse): void {
  const socket = response.socket;
  if (socket === null) {
    response.destroy();
    return;
  }
  socket.destroySoon();
  // Node tells of an idle connection once, which may have been while the source was waited for: from now on it counts anew.
  if (socket.timeout !== undefined) socket.setTimeout(socket.timeout);
}

/**
 * Resets the connection (RST): nothing that is still queued arrives and no client takes it for an end it may
 * resume from. For content that turned out wrong.
 */
export function resetConnection(response: ServerResponse): void {
  const socket = response.socket;
  if (socket === null) {
    response.destroy();
    return;
  }
  // libuv refuses to reset a connection whose end is under way, and Node then closes it never and says nothing. It is closed in its
  // order: whoever counts bytes sees that they are too few.
  if (socket.writableEnded) {
    socket.destroy();
    return;
  }
  // A TLS socket can not reset by itself; the TCP socket below it can, and goes down with it.
  const below = (socket as Socket & { _parent?: unknown })._parent;
  const tcp = below instanceof Socket ? below : socket;
  try {
    tcp.resetAndDestroy();
  } catch {
    tcp.destroy();
  }
  socket.destroy();
}
