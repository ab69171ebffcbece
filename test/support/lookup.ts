import type { LookupAddress, LookupOptions, lookup } from 'node:dns';

export type Lookup = typeof lookup;

type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/**
 * A stand-in for `dns.lookup`: `resolve` gives the address of a name or undefined (ENOTFOUND, as a resolver says it).
 * It saves the tests `/etc/hosts`, root and every real query.
 */
export function createLookup(resolve: (hostname: string) => string | undefined): Lookup {
  const answer = (
    hostname: string,
    options: LookupOptions | number | LookupCallback,
    last?: LookupCallback,
  ) => {
    const callback = typeof options === 'function' ? options : last;
    if (!callback) throw new TypeError('lookup needs a callback');
    const all = typeof options === 'object' && options.all === true;
    const address = resolve(hostname.toLowerCase());
    // Never in the same tick: net.connect() registers its listeners after the call.
    process.nextTick(() => {
      if (address === undefined) {
        const error: NodeJS.ErrnoException = new Error(`getaddrinfo ENOTFOUND ${hostname}`);
        error.code = 'ENOTFOUND';
        error.syscall = 'getaddrinfo';
        callback(error, all ? [] : '');
        return;
      }
      const family = address.includes(':') ? 6 : 4;
      if (all) callback(null, [{ address, family }]);
      else callback(null, address, family);
    });
  };
  // One implementation stands for all overloads.
  return answer as unknown as Lookup;
}

/** Whether a name is one that the fixtures use; nothing else may resolve in a test. */
export function isFixtureName(hostname: string): boolean {
  return /(^|\.)(localhost|example|test|blob\.core\.windows\.net|azurecr\.io|docker\.io)$/.test(hostname);
}

/** Every fixture name is loopback; everything else does not exist. */
export const loopbackLookup: Lookup = createLookup((hostname) =>
  isFixtureName(hostname) ? '127.0.0.1' : undefined,
);
