import type { JsonSchema } from './json-schema.ts';

/** `console`: the web page. */
export const CONSOLE_SCHEMA: JsonSchema = {
  type: ['object', 'null'],
  description:
    'Read-only web page about the running Berth (docs/console.md), plain HTTP on a listener of its own, for operators. null: none.',
  default: null,
  additionalProperties: false,
  properties: {
    address: {
      type: 'string',
      description:
        'IP address to listen on. Whoever reaches it sees registries, client networks and refusals: leave it at this machine, or put what asks for a password in front.',
      default: '127.0.0.1',
    },
    port: {
      type: 'integer',
      description: 'TCP port; 0 lets the system choose.',
      default: 9465,
      minimum: 0,
      maximum: 65_535,
    },
    hosts: {
      type: 'array',
      description:
        'Host names, without port, under which browsers may ask for it. Addresses and `localhost` always may; any other name is refused, since a page of somebody else could lead it here (DNS rebinding).',
      default: [],
      maxItems: 16,
      items: { type: 'string', description: 'A host name.', minLength: 1, maxLength: 253 },
    },
  },
};
