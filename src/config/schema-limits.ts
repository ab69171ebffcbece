import type { JsonSchema } from './json-schema.ts';

export const LIMITS_SCHEMA: JsonSchema = {
  type: 'object',
  description: 'Limits on what peers may use. Sizes are bytes, a number or a size such as `4MiB`.',
  default: {},
  additionalProperties: false,
  properties: {
    connections: {
      type: 'integer',
      description:
        'Open client connections per listener; further ones are closed. 4096 is about 1000 nodes at four parallel layers each.',
      default: 4096,
      minimum: 1,
      maximum: 1_000_000,
    },
    headerBytes: {
      type: ['integer', 'string'],
      description:
        "Bytes of one request's header section; longer: 431. Holds a ticket of 8 KiB beside a bearer token of 8 KiB, twice over.",
      default: '32KiB',
      minimum: 8192,
      maximum: 1_048_576,
    },
    manifestBytes: {
      type: ['integer', 'string'],
      description:
        'Bytes of one manifest, either way; the distribution-spec asks registries to take at least 4 MiB.',
      default: '4MiB',
      minimum: 65_536,
      maximum: 67_108_864,
    },
    tokenBytes: {
      type: ['integer', 'string'],
      description:
        'Bytes of one token request or answer. The longest known tokens (Entra ID with many groups) have about 16 KiB.',
      default: '64KiB',
      minimum: 1024,
      maximum: 1_048_576,
    },
    bufferBytes: {
      type: ['integer', 'string'],
      description:
        'Bytes of pooled transfer buffers, all transfers together; when they are used up, further transfers read through small buffers of their own, at more CPU and with no wait. Room for about 100 transfers at full speed.',
      default: '128MiB',
      minimum: 4_194_304,
    },
    upstreamConnections: {
      type: 'integer',
      description:
        'Connections to one upstream host; further requests wait for one, as long as connecting and answering may take. Each running blob transfer holds one, so this also bounds the transfers from one storage account. Uploads have as many of their own, and so do questions.',
      default: 1024,
      minimum: 1,
      maximum: 65_535,
    },
    upstreamMinBytesPerSecond: {
      type: ['integer', 'string'],
      description:
        'Bytes a second that storage has to bring of a blob, as a mean over `timeouts.idleSeconds`; time in which Berth has it wait, for a slow client or the disk, does not count. With less it is left as if it were silent, and the blob goes on at its byte from the same or another host: a deadline for silence alone is renewed by each byte. 1 KiB/s is a modem of the 1980s; a layer of 100 MB would take a day. 0: whatever comes is enough.',
      default: '1KiB',
      minimum: 0,
      maximum: 1_048_576,
    },
    connectionsPerClient: {
      type: ['integer', 'null'],
      description:
        "Open connections of one client address (of IPv6 one /64), over all listeners; further ones are closed. 1024, a quarter of `connections`, lets 250 nodes behind one address pull four layers each, and leaves room for others. Connections of `trustedProxies` are the proxy's own, and only count where `proxyProtocol` tells whose they are. null: no limit.",
      default: 1024,
      minimum: 1,
      maximum: 1_000_000,
    },
    requestsPerClient: {
      type: ['object', 'null'],
      description:
        'Requests of one client address (of IPv6 one /64); more: 429 with `Retry-After`. A pull is 10 to 100 requests. null: no limit.',
      default: {},
      additionalProperties: false,
      properties: {
        perSecond: {
          type: 'integer',
          description: 'Sustained. 500 is a tenth of what one process answers, and ten pulls a second.',
          default: 500,
          minimum: 1,
          maximum: 1_000_000,
        },
        burst: {
          type: 'integer',
          description:
            'At once, after a pause. 5000 is 50 to 500 nodes behind one address that start together.',
          default: 5000,
          minimum: 1,
          maximum: 10_000_000,
        },
      },
    },
    transfersPerClient: {
      type: ['integer', 'null'],
      description:
        'Blob transfers to and uploads of one client address (of IPv6 one /64) at a time, at data endpoints, `inline` and when pushing; more: 429 with `Retry-After`. Left out: a quarter of `upstreamConnections` (256), so that no client holds all of them; 256 is 64 nodes behind one address with four layers each. null: no limit.',
      minimum: 1,
      maximum: 1_000_000,
    },
  },
};

export const TIMEOUTS_SCHEMA: JsonSchema = {
  type: 'object',
  description: 'Deadlines, all in seconds.',
  default: {},
  additionalProperties: false,
  properties: {
    connectSeconds: {
      type: 'integer',
      description:
        'To open a connection (TCP and TLS) to an upstream. With `headersSeconds` under 30 s, after which containerd gives up.',
      default: 5,
      minimum: 1,
      maximum: 300,
    },
    headersSeconds: {
      type: 'integer',
      description: "Until an upstream's header section is in; then 504.",
      default: 20,
      minimum: 1,
      maximum: 300,
    },
    commitSeconds: {
      type: 'integer',
      description:
        'Until an upstream answers a request with a body, after its last byte or its last progress: registries on object storage copy a large layer before they say that it is there.',
      default: 600,
      minimum: 1,
      maximum: 7200,
    },
    idleSeconds: {
      type: 'integer',
      description:
        'Longest silence in a body, either way. There is no limit on the whole: a large blob over a slow line is no fault.',
      default: 60,
      minimum: 1,
      maximum: 3600,
    },
    requestHeadersSeconds: {
      type: 'integer',
      description: 'For a client to send its header section; then the connection is closed.',
      default: 15,
      minimum: 1,
      maximum: 300,
    },
    drainSeconds: {
      type: 'integer',
      description:
        'For transfers under way after SIGTERM; then they are cut. Under the 30 s that Kubernetes waits before SIGKILL.',
      default: 25,
      minimum: 0,
      maximum: 3600,
    },
  },
};
