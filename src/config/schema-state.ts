import type { StateConfig } from './config.ts';
import type { JsonSchema } from './json-schema.ts';

/** What holds for `state: redis://…`, too. */
export const STATE_DEFAULTS: Omit<StateConfig, 'url'> = {
  passwordFile: null,
  caFile: null,
  keyPrefix: 'berth:',
  timeoutMilliseconds: 250,
};

export const STATE_SCHEMA: JsonSchema = {
  type: ['string', 'object', 'null'],
  description:
    'What several replicas know together, in Redis or Valkey: decisions of upstreams, budgets, who fetches which blob (docs/replicas.md). Its URL, or a group with `url`. null: each instance by itself. While it can not be reached, each instance works by itself, too.',
  default: null,
  minLength: 1,
  maxLength: 1000,
  additionalProperties: false,
  required: ['url'],
  properties: {
    url: {
      type: 'string',
      description:
        '`redis://[user@]host[:port][/database]`, or `rediss://` for TLS. Without a password: that comes from `passwordFile`.',
      minLength: 1,
      maxLength: 1000,
    },
    passwordFile: {
      type: ['string', 'null'],
      description:
        'File whose first line is the password; relative to this file, read at each connection. null: none.',
      default: STATE_DEFAULTS.passwordFile,
      minLength: 1,
    },
    caFile: {
      type: ['string', 'null'],
      description:
        'PEM file of the authorities that may have signed the certificate of a `rediss://` server; null: the well-known ones.',
      default: STATE_DEFAULTS.caFile,
      minLength: 1,
    },
    keyPrefix: {
      type: 'string',
      description: 'What every key begins with. Replicas share what has the same prefix.',
      default: STATE_DEFAULTS.keyPrefix,
      maxLength: 100,
    },
    timeoutMilliseconds: {
      type: 'integer',
      description:
        'Longest wait for an answer; after one that did not come in time nothing is asked until the connection has been made anew.',
      default: STATE_DEFAULTS.timeoutMilliseconds,
      minimum: 10,
      maximum: 5000,
    },
  },
};
