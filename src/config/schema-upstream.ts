import type { JsonSchema } from './json-schema.ts';
import { AUTH_SCHEMA } from './schema-auth.ts';

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
      ...AUTH_SCHEMA,
      description:
        "Berth's own credentials, used instead of the client's: exactly one of the ways below. Needs `clients`. null: the client's own go through.",
    },
    allowedPrivateAddresses: {
      type: 'array',
      description:
        'CIDRs, beyond the public internet, that upstream, token service and storage may resolve to; checked when connecting.',
      default: [],
      items: { type: 'string', description: 'CIDR or address.' },
    },
    limits: {
      type: 'object',
      description:
        "What the registry is asked for at most. Further questions wait, shared out fairly among clients; where that is of no use they are answered 429 or 503 with `Retry-After`. The upstream's own 429 makes questions of the same kind (manifests, blobs, tags and so on) with the same credentials wait for its `Retry-After`, for a minute at most, and then until one of them has found out. Blob bytes from storage are no questions.",
      default: {},
      additionalProperties: false,
      properties: {
        concurrency: {
          type: 'integer',
          description:
            'Questions without an answer at a time. 100 at 50 ms each are 2000 a second, more than registries give one caller. One client gets half of what the others leave, so that slow answers to it hold up nobody else. Uploads under way are not counted.',
          default: 100,
          minimum: 1,
          maximum: 65_535,
        },
        requestsPerMinute: {
          type: ['integer', 'null'],
          description:
            "Questions in any minute, of all clients together, with their logins where the token service is at the registry's own host; null: no limit, since only the registry's own contract knows it (ACR Basic: 1000, Premium: 10,000).",
          default: null,
          minimum: 1,
          maximum: 1_000_000,
        },
        queueLength: {
          type: 'integer',
          description:
            'Questions that wait; further ones are answered at once, those of the client that has most of them first. 1000 nodes that start together ask one question each at a time.',
          default: 1000,
          minimum: 0,
          maximum: 100_000,
        },
        queueSeconds: {
          type: 'integer',
          description:
            'Longest wait in seconds. With an answer in 20 s it stays within the 30 s after which containerd gives up.',
          default: 10,
          minimum: 1,
          maximum: 300,
        },
      },
    },
  },
};
