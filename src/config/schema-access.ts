import type { JsonSchema } from './json-schema.ts';

export const NETWORK_RULES_SCHEMA: JsonSchema = {
  type: 'object',
  description:
    'Which client addresses may reach this registry, at login server and data endpoints alike, private listeners included. A deny rule beats every allow rule, and any rule beats `defaultAction`; the order does not matter.',
  default: {},
  additionalProperties: false,
  properties: {
    defaultAction: {
      type: 'string',
      description: 'What happens to an address that no rule names.',
      enum: ['allow', 'deny'],
      default: 'allow',
    },
    ipRules: {
      type: 'array',
      description: 'Rules for addresses, as `clientAddress` of the listener tells them.',
      default: [],
      maxItems: 10_000,
      items: {
        type: 'object',
        description: 'One rule.',
        additionalProperties: false,
        required: ['value'],
        properties: {
          action: {
            type: 'string',
            description: 'What happens to addresses of `value`.',
            enum: ['allow', 'deny'],
            default: 'allow',
          },
          value: {
            type: 'string',
            description: 'CIDR or address, IPv4 or IPv6.',
            minLength: 1,
            maxLength: 64,
          },
        },
      },
    },
  },
};

export const RULES_SCHEMA: JsonSchema = {
  type: 'object',
  description: 'What clients may have of this registry, beside what the upstream lets each of them have.',
  default: {},
  additionalProperties: false,
  properties: {
    repositories: {
      type: 'array',
      description:
        'Which repositories are open, for reading, writing and as the source of a mount; the catalog shows no others. A deny rule beats every allow rule; where there is an allow rule, a repository that none of them names is closed. The order does not matter.',
      default: [],
      maxItems: 1000,
      items: {
        type: 'object',
        description: 'One rule.',
        additionalProperties: false,
        required: ['action', 'pattern'],
        properties: {
          action: {
            type: 'string',
            description: 'What happens to repositories that `pattern` fits.',
            enum: ['allow', 'deny'],
          },
          pattern: {
            type: 'string',
            description:
              'The whole repository name; `*` stands for any characters other than `/`, `**` as a whole component for any number of components (`team/**`, `**/debug`).',
            minLength: 1,
            maxLength: 255,
          },
        },
      },
    },
  },
};
