import type { FastifyServerOptions } from 'fastify';

const refuse = (): never => {
  throw new Error('routes with schemas are not for these listeners');
};

/** Fastify loads its compilers of schemas (ajv, fast-json-stringify: 25 ms and 2 MB) unless it is given others; no route here has one. */
export const WITHOUT_SCHEMAS = {
  schemaController: { compilersFactory: { buildValidator: refuse, buildSerializer: refuse } },
} satisfies FastifyServerOptions;
