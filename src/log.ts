import type { DestinationStream, Logger } from 'pino';
import { pino } from 'pino';
import type { LogLevel } from './config/config.ts';

/**
 * Second line of defence: log lines are built from named fields, so none of these should ever be there. Where one is
 * passed by mistake (a whole headers object, say), its value does not reach the log.
 */
const SECRET_FIELDS = [
  'authorization',
  'Authorization',
  'cookie',
  'token',
  'ticket',
  'bearer',
  'password',
  'secret',
  'signature',
  'url',
  'location',
  'query',
];

/** A JSON logger: one object a line, time in ISO 8601, to standard output unless `destination` says otherwise. */
export function createLogger(options: { level: LogLevel; destination?: DestinationStream }): Logger {
  const settings = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.headers.${field}`]),
      censor: 'REDACTED',
    },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}
