import type { DiagLogger } from '@opentelemetry/api';
import type { Logger } from 'pino';

/** Milliseconds between two lines: a collector that is away is away for every batch. */
const LINE_INTERVAL_MS = 60_000;

/** What the SDK has to say of itself, as lines of the log. Its words may hold the collector's answer, so they are cut short. */
export function createTraceLog(log: Pick<Logger, 'warn'>, now: () => number = Date.now): DiagLogger {
  let lastLine = Number.NEGATIVE_INFINITY;
  let unsaid = 0;
  const say = (message: string): void => {
    if (now() - lastLine < LINE_INTERVAL_MS) {
      unsaid += 1;
      return;
    }
    log.warn(
      { detail: message.slice(0, 200), unsaid },
      'traces are not sent; see OTEL_EXPORTER_OTLP_ENDPOINT',
    );
    lastLine = now();
    unsaid = 0;
  };
  return {
    error: say,
    warn: say,
    info: () => undefined,
    debug: () => undefined,
    verbose: () => undefined,
  };
}
