import type { Bindings, ChildLoggerOptions, DestinationStream, Logger } from 'pino';
import { pino } from 'pino';
import type { LogLevel } from './config/config.ts';

/**
 * Second line of defence: log lines are built from named fields, so none of these should ever be there. Where one is
 * passed by mistake (a whole headers object, say), its value does not reach the log. In lower case; any case is found.
 */
const SECRET_FIELDS: ReadonlySet<string> = new Set([
  'authorization',
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
]);

const CENSOR = 'REDACTED';
/** Levels of objects that are looked into; nothing is logged that is deeper. */
const MAX_DEPTH = 5;

export type LoggerOptions = {
  readonly level: LogLevel;
  /** Left out: standard output, the lines of one turn of the event loop in one write. */
  readonly destination?: DestinationStream;
  /** Is given what writes the lines of the last turn, for when the process ends in its middle. */
  readonly onExit?: (end: () => void) => void;
};

/** A JSON logger: one object a line, time in ISO 8601. */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: null,
    timestamp: createTimestamp(),
    // Not pino's own `redact`: it took two fifths of the CPU of a small request.
    formatters: {
      level: (label: string) => ({ level: label }),
      log: censor,
    },
    // Those that are censored are serialized already.
    serializers: {
      err: (value: unknown) => (value instanceof Error ? pino.stdSerializers.err(value) : value),
    },
  };
  const logger = pino(settings, options.destination ?? openStandardOutput(options.onExit));
  writeFlatLinesAtOnce(logger);
  // Pino has no formatter for the fields of a child. Children inherit this one; `this` is whose child it is.
  const child: Logger['child'] = Reflect.get(logger, 'child');
  logger.child = function censored<Levels extends string = never>(
    this: Logger,
    bindings: Bindings,
    childOptions?: ChildLoggerOptions<Levels>,
  ): Logger<Levels> {
    return Reflect.apply(child<Levels>, this, [censor(bindings), childOptions]);
  };
  return logger;
}

/** Each write wakes a thread, which costs a busy process as much as a third of what a small request does; nobody reads a log faster. */
const WRITE_INTERVAL_MS = 10;
/** What so many lines take is soon more than one write of the system. */
const WRITE_CHARACTERS = 64 * 1024;
/** Bytes that wait for a reader or a disk: minutes of a busy proxy. What comes then is lost, and counted, sooner than the process. */
const MAX_WAITING = 16 * 1024 * 1024;

/**
 * Not each line by itself: what was still to be written would be measured and copied again for each, and each write wakes
 * a thread. Output that fails, a disk that is full say, is tried again with the next lines, and is no reason to stop.
 */
function openStandardOutput(onExit: LoggerOptions['onExit']): DestinationStream {
  const output = pino.destination({ dest: 1, sync: false, maxLength: MAX_WAITING });
  let lines = '';
  let lost = 0;
  let isFailing = false;
  let waiting: NodeJS.Timeout | undefined;
  output.on('error', () => {
    isFailing = true;
  });
  output.on('write', () => {
    isFailing = false;
  });
  output.on('drop', (text: string) => {
    lost += text.split('\n').length - 1;
  });
  output.on('drain', () => {
    if (lost === 0) return;
    const said = { level: 'error', time: new Date().toISOString(), lost, msg: 'log lines were lost' };
    lost = 0;
    output.write(`${JSON.stringify(said)}\n`);
  });
  const flush = (): void => {
    clearTimeout(waiting);
    if (lines !== '') output.write(lines);
    lines = '';
  };
  onExit?.(() => {
    // Pino would try for ever.
    if (isFailing) output.destroy();
    else flush();
  });
  return {
    write(line) {
      if (lines === '') waiting = setTimeout(flush, WRITE_INTERVAL_MS);
      lines += line;
      if (lines.length >= WRITE_CHARACTERS) flush();
    },
  };
}

/** As pino's own `isoTime`; formatted once a millisecond, which many lines may share. */
function createTimestamp(): () => string {
  let last = Number.NaN;
  let text = '';
  return () => {
    const now = Date.now();
    if (now !== last) {
      last = now;
      text = `,"time":"${new Date(now).toISOString()}"`;
    }
    return text;
  };
}

/**
 * Pino serializes each key and each value by itself. Of what is flat, as the line of a request is, one call writes the same
 * bytes in a third of the time; everything else, and what is to be censored, goes pino's way.
 */
function writeFlatLinesAtOnce(logger: Logger): void {
  const { asJsonSym, lsCacheSym, chindingsSym } = pino.symbols;
  const asJson: (...line: unknown[]) => string = Reflect.get(logger, asJsonSym);
  const isPlain = createIsPlain();
  // Children inherit it; `this` is whose line it is.
  function asOneJson(
    this: Logger,
    fields: Record<string, unknown>,
    message: unknown,
    level: number,
    time: string,
  ): string {
    if (typeof message !== 'string' || !isPlain(fields)) {
      return Reflect.apply(asJson, this, [fields, message, level, time]);
    }
    const { [level]: begin }: Record<number, string> = Reflect.get(this, lsCacheSym);
    const bindings: string = Reflect.get(this, chindingsSym);
    const content = JSON.stringify(fields).slice(1, -1);
    const separator = content === '' ? '' : ',';
    return `${begin}${time}${bindings}${separator}${content},"msg":${JSON.stringify(message)}}\n`;
  }
  Reflect.set(logger, asJsonSym, asOneJson);
}

/** Names of fields that are looked at once. There are some dozens, unless somebody logs what a peer has named. */
const MAX_NAMES = 1_000;

/** Whether there is nothing in it to hide, and nothing that pino might write in another way than JSON does. */
function createIsPlain(): (fields: Readonly<Record<string, unknown>>) => boolean {
  const harmless = new Set<string>();
  function isHarmless(name: string): boolean {
    if (harmless.has(name)) return true;
    if (isSecret(name)) return false;
    if (harmless.size < MAX_NAMES) harmless.add(name);
    return true;
  }
  return (fields) => {
    if (Object.getPrototypeOf(fields) !== Object.prototype) return false;
    // All of them are its own: its prototype has none to enumerate.
    for (const name in fields) {
      const type = typeof fields[name];
      if (type !== 'string' && type !== 'number' && type !== 'boolean' && type !== 'undefined') return false;
      if (!isHarmless(name)) return false;
    }
    return true;
  };
}

function censor(fields: Record<string, unknown>): Record<string, unknown> {
  return censorFields(fields, 1);
}

/** The same object where there is nothing to hide: nearly always, and then nothing is copied. */
function censorFields(fields: Record<string, unknown>, depth: number): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    const shown = value !== undefined && isSecret(name) ? CENSOR : censorValue(value, depth);
    if (shown === value) continue;
    copy ??= { ...fields };
    copy[name] = shown;
  }
  return copy ?? fields;
}

function isSecret(name: string): boolean {
  return SECRET_FIELDS.has(name) || SECRET_FIELDS.has(name.toLowerCase());
}

function censorValue(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth === MAX_DEPTH) return value;
  // As pino would write it, with all the fields that somebody has hung on it.
  if (value instanceof Error) return censorFields({ ...pino.stdSerializers.err(value) }, depth + 1);
  if (Array.isArray(value)) return value.map((item) => censorValue(item, depth + 1));
  if (!isFields(value)) return value;
  return censorFields(value, depth + 1);
}

/** What says itself how it is written (a Date, a Buffer) is no object with fields. */
function isFields(value: object): value is Record<string, unknown> {
  return !('toJSON' in value);
}
