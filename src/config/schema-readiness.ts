import type { JsonSchema } from './json-schema.ts';

/** `readiness`: when `/readyz` fails. */
export const READINESS_SCHEMA: JsonSchema = {
  type: 'object',
  description: 'When `/readyz` fails although the ports are open: nothing moves.',
  default: {},
  additionalProperties: false,
  properties: {
    stuckSeconds: {
      type: 'integer',
      description:
        "Seconds without progress after which a fill, a transfer, an operation of the cache's disk or the buffers count as stuck (`berth_stuck`) and `/readyz` fails and names them. A slow client is no cause, and an upstream has its own deadlines and resumes first. 60: no disk and no buffer that works takes that long, but for a sync, which may have gigabytes to write and has ten times that.",
      default: 60,
      minimum: 5,
      maximum: 3600,
    },
  },
};
