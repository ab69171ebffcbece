import type { JsonSchema } from './json-schema.ts';

export const CLIENTS_SCHEMA: JsonSchema = {
  type: ['object', 'null'],
  description:
    "Berth's own policy for its clients; any one of its ways lets a client in. Needed with `upstream.auth`, refused without: null leaves every decision to the upstream, by the client's own credentials.",
  default: null,
  additionalProperties: false,
  properties: {
    anonymous: {
      type: 'boolean',
      description: "Everybody who reaches the listener may use Berth's credentials.",
      default: false,
    },
    htpasswd: {
      type: ['object', 'null'],
      description: 'User names and passwords for Basic authentication.',
      default: null,
      additionalProperties: false,
      required: ['file'],
      properties: {
        file: {
          type: 'string',
          description: 'htpasswd file, bcrypt entries only (`htpasswd -B`); read again when it changes.',
          minLength: 1,
        },
      },
    },
    mtls: {
      type: 'boolean',
      description: "A client certificate that the listener's `tls.clientCaFile` signed is enough.",
      default: false,
    },
    networks: {
      type: 'array',
      description:
        'CIDRs whose clients are let in without credentials; addresses as `clientAddress` tells them.',
      default: [],
      items: { type: 'string', description: 'CIDR or address.' },
    },
  },
};
