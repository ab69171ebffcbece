// HEALTHCHECK of the image, where there is no curl: 0 when this Berth is alive. `metrics` listens where its configuration
// says; another port than the default is told by BERTH_METRICS_PORT, another place by HEALTHCHECK_URL:
// `serve --upstream` has no such listener, and is asked at http://localhost:5000/v2/.

/** Less than the 3 s that the container engine waits. */
const TIMEOUT_MS = 2_500;

const port = process.env['BERTH_METRICS_PORT'] ?? '9464';
const url = process.env['HEALTHCHECK_URL'] ?? `http://localhost:${port}/livez`;
try {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  // A login server's 401 to nobody in particular is an answer, too.
  if (response.status >= 500) throw new Error(`answered ${response.status}`);
} catch (error) {
  const reason = error instanceof Error ? (error.cause ?? error) : error;
  console.error(`${url}: ${String(reason)}`);
  process.exitCode = 1;
}
