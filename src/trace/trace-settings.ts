/** Whether traces are sent, by the standard variables (OpenTelemetry specification, SDK environment variables). */
export type TraceSettings = { readonly kind: 'off' } | { readonly kind: 'otlp' };

/** A variable asks for what Berth does not have; the message is for the operator as it is. */
export class TraceSettingsError extends Error {
  override readonly name = 'TraceSettingsError';
  readonly code = 'invalid_trace_settings';
}

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const;
const PROTOCOLS = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'] as const;

/**
 * Off unless an endpoint is named or `OTEL_TRACES_EXPORTER` is `otlp`. Everything else of OTLP (headers, timeout, compression,
 * certificates, sampler, batches) the SDK reads itself.
 *
 * @throws TraceSettingsError for another exporter or protocol: traces that silently go nowhere are missed when they are needed
 */
export function readTraceSettings(env: Readonly<Record<string, string | undefined>>): TraceSettings {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return { kind: 'off' };
  const exporter = env['OTEL_TRACES_EXPORTER'] ?? '';
  const endpoint = ENDPOINTS.find((name) => (env[name] ?? '') !== '');
  if (exporter === 'none' || (exporter === '' && endpoint === undefined)) return { kind: 'off' };
  if (exporter !== '' && exporter !== 'otlp') {
    throw new TraceSettingsError(
      `OTEL_TRACES_EXPORTER is "${exporter}", and Berth sends traces by OTLP over HTTP alone; set it to otlp or none`,
    );
  }
  for (const name of ENDPOINTS) {
    const value = env[name] ?? '';
    if (value !== '' && !/^https?:$/.test(URL.parse(value)?.protocol ?? '')) {
      throw new TraceSettingsError(
        `${name} is no http or https URL; a collector's is like http://127.0.0.1:4318`,
      );
    }
  }
  for (const name of PROTOCOLS) {
    const value = env[name] ?? '';
    if (value !== '' && value !== 'http/json' && value !== 'http/protobuf') {
      throw new TraceSettingsError(
        `${name} is "${value}", and Berth sends traces over HTTP alone; name the collector's HTTP port (4318) and set it to http/json`,
      );
    }
  }
  return { kind: 'otlp' };
}
