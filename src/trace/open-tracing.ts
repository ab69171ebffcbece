import type { Logger } from 'pino';
import { createTraceLog } from './trace-log.ts';
import { readTraceSettings } from './trace-settings.ts';
import { NO_TRACING, type Tracing } from './tracing.ts';

/**
 * Tracing as the environment asks for it. Where it is off, nothing of OpenTelemetry is loaded.
 *
 * @throws TraceSettingsError
 */
export async function openTracing(
  env: Readonly<Record<string, string | undefined>>,
  deps: { readonly version: string; readonly log: Pick<Logger, 'warn'> },
): Promise<Tracing> {
  if (readTraceSettings(env).kind === 'off') return NO_TRACING;
  const { createOtlpTracing } = await import('./create-otlp-tracing.ts');
  return createOtlpTracing({ version: deps.version, diagnostics: createTraceLog(deps.log) });
}
