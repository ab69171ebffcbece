import type { JsonSchema } from './json-schema.ts';
import { PRESET_NAMES } from './presets.ts';
import { NETWORK_RULES_SCHEMA, RULES_SCHEMA } from './schema-access.ts';
import { CLIENTS_SCHEMA } from './schema-clients.ts';
import { LABEL, REGION_FIELDS } from './schema-regions.ts';
import { UPSTREAM_SCHEMA } from './schema-upstream.ts';

export const REGISTRY_SCHEMA: JsonSchema = {
  type: 'object',
  description: 'One registry.',
  additionalProperties: false,
  required: ['name', 'loginServer', 'upstream'],
  properties: {
    name: {
      type: 'string',
      description:
        'Name for commands, logs and `{registry}`: lower-case letters, digits, hyphens, at most 63.',
      pattern: LABEL,
    },
    loginServer: {
      type: 'string',
      description: 'Host[:port] that clients write in image names; its own per registry.',
      minLength: 1,
      maxLength: 260,
    },
    aliases: {
      type: 'array',
      description: 'Further hosts[:port] that answer as the login server.',
      default: [],
      maxItems: 100,
      items: { type: 'string', description: 'Host[:port].', minLength: 1, maxLength: 260 },
    },
    scheme: {
      type: 'string',
      description:
        'Scheme of the links given out. `http` only where every host of the registry is a loopback name or address (or a reserved `.test` name).',
      enum: ['https', 'http'],
      default: 'https',
    },
    preset: {
      type: 'string',
      description:
        "What is known of a public registry (docs/presets.md): fills in `redirectHosts`, `upstream.tokenHosts`, `namespaces` and `publicProbe` where they are left out. A field that is there replaces the preset's, lists as a whole.",
      enum: PRESET_NAMES,
    },
    upstream: UPSTREAM_SCHEMA,
    namespaces: {
      type: 'array',
      description:
        "Source hosts whose `?ns=` this registry answers, beside the upstream's own host. `docker.io` stands for `registry-1.docker.io` and `index.docker.io`, too.",
      default: [],
      maxItems: 100,
      items: { type: 'string', description: 'Host[:port].', minLength: 1, maxLength: 260 },
    },
    delivery: {
      type: 'string',
      description:
        "How a client gets a blob. `dedicated`: 307 to this registry's data endpoint. `inline`: from the login server itself. `passthrough`: the upstream's own redirect, untouched.",
      enum: ['dedicated', 'inline', 'passthrough'],
      default: 'dedicated',
    },
    dataEndpointEnabled: {
      type: 'boolean',
      description: 'Other spelling of `delivery`: true is `dedicated`, false is `passthrough`.',
    },
    rollout: {
      type: 'object',
      description:
        "Who is sent to the data endpoints while they are on: a client that `clients` names or that `percent` takes in. All others get the upstream's own redirect, as with `passthrough`.",
      default: {},
      additionalProperties: false,
      properties: {
        clients: {
          type: 'array',
          description:
            'CIDRs whose clients come first; addresses as `clientAddress` tells them. Of use with a `percent` below 100.',
          default: [],
          maxItems: 10_000,
          items: { type: 'string', description: 'CIDR or address.' },
        },
        percent: {
          type: 'integer',
          description:
            'Share of the other clients, by a fixed hash of the address (of IPv6 the /64): the same clients each time, and a higher share keeps those that were in.',
          default: 100,
          minimum: 0,
          maximum: 100,
        },
      },
    },
    push: {
      type: 'boolean',
      description: 'Whether uploads, mounts and deletes are passed on; false: read-only.',
      default: true,
    },
    dataEndpoint: {
      type: ['string', 'null'],
      description:
        'Host[:port] pattern of the data endpoints, with `{registry}` and `{region}`. Must be neither a login server nor below one: Go clients send their credentials on to such hosts. Needed for `dedicated`; not used by `inline`.',
      default: null,
      minLength: 1,
      maxLength: 260,
    },
    redirectHosts: {
      type: 'array',
      description:
        'Where the upstream may redirect to; other redirects are refused with 502. An `http` upstream may name itself over http, and every other host over https only.',
      default: [],
      maxItems: 100,
      items: {
        type: ['string', 'object'],
        description:
          'Host[:port]; `*` stands for one or more characters other than a dot. Or an object with `host` and `pathPattern`.',
        minLength: 1,
        maxLength: 260,
        additionalProperties: false,
        required: ['host'],
        properties: {
          host: {
            type: 'string',
            description: 'Host[:port]; `*` stands for one or more characters other than a dot.',
            minLength: 1,
            maxLength: 260,
          },
          pathPattern: {
            type: ['string', 'null'],
            description: 'Regular expression that the whole raw path must match; null: any path.',
            default: null,
            minLength: 1,
            maxLength: 1000,
          },
        },
      },
    },
    ...REGION_FIELDS,
    authorizationTtlSeconds: {
      type: 'integer',
      description:
        "How long, in seconds, an upstream's decision about one caller, repository and digest is kept; 0: asked every time. Never past the token's expiry; a refusal is kept at most 5 s.",
      default: 60,
      minimum: 0,
      maximum: 3600,
    },
    staleIfErrorSeconds: {
      type: 'integer',
      description:
        "How long, in seconds since the upstream's last word, a manifest in memory or a kept blob is still served to whom the upstream has allowed it, while the upstream can not be asked or answers 429, 500, 502, 503 or 504; 0: its failure is passed on. To the same credentials alone, never past the token's expiry, so of use with `upstream.auth`, for callers without credentials, and for public content by digest; never instead of a 401, 403 or 404. Who loses access during an outage keeps it that long.",
      default: 0,
      minimum: 0,
      maximum: 86_400,
    },
    publicProbe: {
      type: 'boolean',
      description:
        'Whether one anonymous question by Berth, per repository and digest, may answer for everybody where the content is public.',
      default: true,
    },
    publicNetworkAccess: {
      type: 'boolean',
      description:
        'Whether public listeners answer for this registry; false: only those with `network: private` do, at login server and data endpoints alike.',
      default: true,
    },
    networkRules: NETWORK_RULES_SCHEMA,
    rules: RULES_SCHEMA,
    clients: CLIENTS_SCHEMA,
  },
};
