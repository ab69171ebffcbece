import type { Config, ListenerConfig } from './config.ts';

/** What of a changed configuration can be in force without a restart. */
export type LivePart = {
  /** `wanted`, with what needs a restart as it is in force. */
  readonly config: Config;
  /** Paths of the fields that a restart would change, such as `metrics.port`; empty: all of it is in force. */
  readonly needRestart: readonly string[];
};

/**
 * Sockets stay on the address they were bound to, and what is allotted once at the start (buffers, caches) stays as it
 * is; of everything else the new configuration counts.
 */
export function livePart(inForce: Config, wanted: Config): LivePart {
  const config: Config = {
    ...wanted,
    workers: inForce.workers,
    stateDirectory: inForce.stateDirectory,
    metrics: inForce.metrics,
    console: inForce.console,
    admin: inForce.admin,
    audit: inForce.audit,
    cache: inForce.cache,
    state: inForce.state,
    limits: {
      ...wanted.limits,
      headerBytes: inForce.limits.headerBytes,
      bufferBytes: inForce.limits.bufferBytes,
    },
    timeouts: { ...wanted.timeouts, requestHeadersSeconds: inForce.timeouts.requestHeadersSeconds },
    listeners: liveListeners(inForce.listeners, wanted.listeners),
  };
  return { config, needRestart: differences(config, wanted, '') };
}

/** Which of the new listeners is which of the open ones is only certain where their sockets are the same, in order. */
function liveListeners(
  inForce: readonly ListenerConfig[],
  wanted: readonly ListenerConfig[],
): readonly ListenerConfig[] {
  const same =
    inForce.length === wanted.length &&
    inForce.every((listener, index) => {
      const other = wanted[index];
      return other !== undefined && listener.address === other.address && listener.port === other.port;
    });
  if (!same) return inForce;
  return wanted.map((listener, index) => {
    const open = inForce[index] as ListenerConfig;
    return {
      ...listener,
      clientAddress: open.clientAddress,
      // Whether a client is asked for a certificate, and whether it must speak TLS at all, is the socket's.
      tls:
        open.tls === null ||
        listener.tls === null ||
        (open.tls.clientCaFile === null) !== (listener.tls.clientCaFile === null)
          ? open.tls
          : listener.tls,
    };
  });
}

function differences(one: unknown, other: unknown, path: string): string[] {
  if (Object.is(one, other)) return [];
  if (Array.isArray(one) && Array.isArray(other)) {
    if (one.length !== other.length) return [path];
    return one.flatMap((item: unknown, index) => differences(item, other[index], `${path}[${index}]`));
  }
  if (isObject(one) && isObject(other)) {
    const names = new Set([...Object.keys(one), ...Object.keys(other)]);
    return [...names].flatMap((name) =>
      differences(one[name], other[name], path === '' ? name : `${path}.${name}`),
    );
  }
  return [path];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
