import type { JsonSchema } from './json-schema.ts';
import { AUTH_SCHEMA } from './schema-auth.ts';

/** One DNS label: names and regions become part of the data endpoints' host names. */
export const LABEL = '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$';

/** The fields of a registry that are about its regions (docs/regions.md). */
export const REGION_FIELDS: Readonly<Record<string, JsonSchema>> = {
  regions: {
    type: 'array',
    description:
      'Regions with a data endpoint each. A blob goes to the one whose `match` names the host that the upstream redirects to, else to the one whose `clients` name the client, else home; what no `match` names is counted.',
    default: [],
    maxItems: 200,
    items: {
      type: 'object',
      description: 'One region.',
      additionalProperties: false,
      required: ['name'],
      properties: {
        name: {
          type: 'string',
          description: 'Name for `{region}`: lower-case letters, digits, hyphens, at most 63.',
          pattern: LABEL,
        },
        match: {
          type: 'array',
          description:
            'Host patterns of the storage that belongs to this region; they map, they do not permit.',
          default: [],
          maxItems: 100,
          items: { type: 'string', description: 'Host[:port] pattern.', minLength: 1, maxLength: 260 },
        },
        upstream: {
          type: ['object', 'null'],
          description:
            'A registry in this region with the same content as `upstream`, asked in its place where `clients` say so, and where another region fails. null: none. What `upstream` says about token hosts, authorities, proxy, private addresses and limits holds here as well.',
          default: null,
          additionalProperties: false,
          required: ['url'],
          properties: {
            url: {
              type: 'string',
              description:
                'Its origin, such as `https://contoso.westus.geo.azurecr.io`. Must take the tokens that `upstream` gives out, unless Berth has credentials of its own.',
              minLength: 1,
              maxLength: 2048,
            },
            auth: {
              ...AUTH_SCHEMA,
              description:
                "Berth's own credentials there, of use with `upstream.auth` alone; null: the same as there.",
            },
          },
        },
        clients: {
          type: 'array',
          description:
            'CIDRs whose clients are served from this region first; addresses as `clientAddress` tells them. Of several regions the one with the longest prefix counts.',
          default: [],
          maxItems: 10_000,
          items: { type: 'string', description: 'CIDR or address.' },
        },
      },
    },
  },
  homeRegion: {
    type: ['string', 'null'],
    description:
      'Name of the region that `upstream` stands in: what is written goes there, and what is read unless something else says otherwise. null: the first.',
    default: null,
    minLength: 1,
  },
  serveRegions: {
    type: ['string', 'array'],
    description:
      'Regions whose data endpoints this instance answers: `all`, or a list of names. Links are given out for every region all the same, and whoever has the ticket keys answers them.',
    default: 'all',
    maxItems: 200,
    items: { type: 'string', description: 'Name of a region.', minLength: 1 },
  },
  replicationSeconds: {
    type: 'integer',
    description:
      'How long, in seconds since a push through Berth, a region may not have it yet: until then the repository is asked for at home first, and a 404 is asked for in the next region.',
    default: 300,
    minimum: 0,
    maximum: 86_400,
  },
};
