import type { JsonSchema } from './json-schema.ts';

/** Berth's own credentials at a registry: either `file` or `exec`. */
export const AUTH_SCHEMA: JsonSchema = {
  type: ['object', 'null'],
  description: "Berth's own credentials.",
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
};
