import type { JsonSchema } from './json-schema.ts';

export const UPSTREAM_SCHEMA: JsonSchema = {
  type: 'object',
  description: 'The registry that is asked.',
  additionalProperties: false,
  required: ['url'],
  properties: {
    url: {
      type: 'string',
      description:
        'Its origin, such as `https://contoso.azurecr.io`; no path. With `http://`, requests to it and redirects to that same host may be plain; redirects to any other host stay https.',
      minLength: 1,
      maxLength: 2048,
    },
    tokenHosts: {
      type: 'array',
      description:
        "Hosts[:port], beside the upstream's own, that its challenge may name as token service (Docker Hub: `auth.docker.io`).",
      default: [],
      maxItems: 20,
      items: { type: 'string', description: 'Host[:port].', minLength: 1, maxLength: 260 },
    },
    caFile: {
      type: ['string', 'null'],
      description:
        'PEM file of the authorities for upstream, token service and storage; null: the well-known ones.',
      default: null,
      minLength: 1,
    },
    proxy: {
      type: ['string', 'null'],
      description: 'URL of an outbound HTTP proxy, `http://host:port`; it resolves the names then.',
      default: null,
      minLength: 1,
      maxLength: 2048,
    },
    auth: {
      type: ['object', 'null'],
      description:
        "Berth's own credentials, used instead of the client's: either `file` or `exec`. Needs `clients`. null: the client's own go through.",
      default: null,
      additionalProperties: false,
      properties: {
        file: {
          type: 'string',
          description: 'File with `username:password` on its first line; read again when it changes.',
          minLength: 1,
        },
        exec: {
          type: 'object',
          description:
            'A docker credential helper: called with `get`, the registry\'s host on its input, `{"Username", "Secret"}` on its output.',
          additionalProperties: false,
          required: ['command'],
          properties: {
            command: {
              type: 'array',
              description: 'Program and arguments; no shell.',
              minItems: 1,
              maxItems: 64,
              items: { type: 'string', description: 'Program or argument.', maxLength: 4096 },
            },
            timeoutSeconds: {
              type: 'integer',
              description: 'Seconds until the helper is stopped.',
              default: 10,
              minimum: 1,
              maximum: 60,
            },
          },
        },
      },
    },
    allowedPrivateAddresses: {
      type: 'array',
      description:
        'CIDRs, beyond the public internet, that upstream, token service and storage may resolve to; checked when connecting.',
      default: [],
      items: { type: 'string', description: 'CIDR or address.' },
    },
  },
};
