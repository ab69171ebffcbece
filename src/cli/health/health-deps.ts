/** What every check needs of the machine it runs on. */
export type HealthDeps = {
  /** All addresses of a name; throws like `dns.lookup`. */
  resolve(name: string): Promise<readonly string[]>;
  /** Unix milliseconds. */
  now(): number;
  /** Longest wait for each step: a name, a connection, a handshake, an answer. */
  readonly timeoutMs: number;
};
