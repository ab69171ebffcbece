import type { Config } from '../config/config.ts';

/**
 * The files whose change is taken up while Berth runs: the configuration itself and what it names, but for own credentials
 * (`upstream.auth`), which are read when they are needed.
 */
export function watchedFiles(fileName: string, config: Config): readonly string[] {
  const files = [
    fileName,
    config.ticket.keyFile,
    ...config.listeners.flatMap(({ tls }) => [
      ...(tls?.certificates ?? []).flatMap(({ cert, key }) => [cert, key]),
      tls?.clientCaFile ?? null,
    ]),
    ...config.registries.flatMap(({ upstream, clients }) => [upstream.caFile, clients?.htpasswdFile ?? null]),
  ].filter((file) => file !== null);
  // Thousands of registries may name the same one.
  return [...new Set(files)];
}
