import type { JsonSchema } from './json-schema.ts';

export const LISTENER_SCHEMA: JsonSchema = {
  type: 'object',
  description: 'One address and port.',
  additionalProperties: false,
  required: ['port'],
  properties: {
    address: {
      type: 'string',
      description: 'IP address to listen on; `::` is every address of both families.',
      default: '::',
    },
    port: {
      type: 'integer',
      description: 'TCP port; 0 lets the system choose.',
      minimum: 0,
      maximum: 65_535,
    },
    network: {
      type: 'string',
      description:
        'Who reaches this listener. `private`: registries with `publicNetworkAccess: false` answer here, too. What it is bound to, and what leads there, is what makes it private.',
      enum: ['public', 'private'],
      default: 'public',
    },
    clientAddress: {
      type: 'string',
      description:
        "Whose word is taken for the client's address: the connection's own (`socket`), a proxy's `X-Forwarded-For`, its `Forwarded` (RFC 7239), or its PROXY protocol v1/v2 header. Never guessed.",
      enum: ['socket', 'xForwardedFor', 'forwarded', 'proxyProtocol'],
      default: 'socket',
    },
    trustedProxies: {
      type: 'array',
      description:
        'CIDRs of the proxies whose word is taken; needed for every `clientAddress` but `socket`. Others are counted as the client themselves, or, with `proxyProtocol`, not let in.',
      default: [],
      items: { type: 'string', description: 'CIDR or address, such as `10.0.0.0/8` or `2001:db8::1`.' },
    },
    tls: {
      type: ['object', 'null'],
      description: 'TLS of this listener; null: plain HTTP, for loopback or behind something that ends TLS.',
      default: null,
      additionalProperties: false,
      required: ['certificates'],
      properties: {
        certificates: {
          type: 'array',
          description:
            'Certificates, chosen by SNI. Together they must cover every login server, alias and data endpoint.',
          minItems: 1,
          items: {
            type: 'object',
            description: 'A certificate and its key.',
            additionalProperties: false,
            required: ['cert', 'key'],
            properties: {
              cert: {
                type: 'string',
                description: 'PEM file of the certificate, followed by its intermediates.',
                minLength: 1,
              },
              key: { type: 'string', description: 'PEM file of the private key.', minLength: 1 },
            },
          },
        },
        clientCaFile: {
          type: ['string', 'null'],
          description:
            'PEM file of the authorities whose client certificates are accepted (`clients.mtls`); null: no client certificate is asked for.',
          default: null,
          minLength: 1,
        },
      },
    },
  },
};
