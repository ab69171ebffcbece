import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';

import { describeCode } from '../../system/error-code.ts';
import { CliError } from '../cli-error.ts';

/** Where all names lead to in place of what they resolve to. */
export type Connect = { readonly host: string; readonly port: number };

export type HttpGet = {
  /** @throws CliError where no answer came */
  get(url: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage>;
  close(): void;
};

/** Milliseconds without a byte: Berth itself gives an upstream less. */
const IDLE_MS = 120_000;

/** GET requests on kept connections; redirects are not followed. `ca`: PEM, in place of the well-known authorities. */
export function createHttpGet(options: {
  readonly ca: string | undefined;
  readonly connect: Connect | undefined;
  /** In place of the system's own resolver. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  /** Milliseconds without a byte. */
  readonly idleMs?: number;
}): HttpGet {
  const { ca, connect, resolve: resolveName, idleMs = IDLE_MS } = options;
  const plain = new HttpAgent({ keepAlive: true });
  const secure = new HttpsAgent({ keepAlive: true, ...(ca !== undefined && { ca }) });

  function get(url: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const isSecure = url.protocol === 'https:';
    const name = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const outgoing = (isSecure ? httpsRequest : httpRequest)({
      agent: isSecure ? secure : plain,
      host: connect?.host ?? name,
      port: connect?.port ?? (url.port === '' ? (isSecure ? 443 : 80) : Number(url.port)),
      // An address is no name that a client may ask a certificate for (RFC 6066 §3).
      ...(isSecure && !/^[\d.]+$|:/.test(name) && { servername: name }),
      path: `${url.pathname}${url.search}`,
      headers: { host: url.host, 'accept-encoding': 'identity', ...headers },
      timeout: idleMs,
      ...(resolveName !== undefined && { lookup: lookupBy(resolveName) }),
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('it is silent')));
    outgoing.on('error', (error) => {
      // A kept connection may have been closed under the request; none that is new is tried again.
      if (outgoing.reusedSocket && describeCode(error) === 'ECONNRESET') resolve(get(url, headers));
      else reject(new CliError(describe(url, error)));
    });
    outgoing.on('response', resolve);
    outgoing.end();
    return promise;
  }

  return {
    get,
    close() {
      plain.destroy();
      secure.destroy();
    },
  };
}

/** As `net.connect` asks for it, on either form of its questions. */
function lookupBy(resolve: (name: string) => Promise<readonly string[]>): LookupFunction {
  return (name, options, callback) => {
    async function answer(): Promise<void> {
      let addresses: readonly string[];
      try {
        addresses = await resolve(name);
      } catch (error) {
        return callback(error instanceof Error ? error : new Error('it does not resolve'), []);
      }
      const all = addresses.map((address) => ({ address, family: isIP(address) }));
      const [first] = all;
      if (options.all === true || first === undefined) callback(null, all);
      else callback(null, first.address, first.family);
    }
    void answer();
  };
}

/** Codes of OpenSSL's and Node's certificate checks. */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME/;

function describe({ host }: URL, error: Error): string {
  const code = describeCode(error);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return `${host} does not resolve here (${code}): say where Berth is with --connect HOST:PORT`;
  }
  if (CERTIFICATE.test(code)) {
    return `the certificate of ${host} is not trusted here (${code}): name its authority with --ca FILE`;
  }
  if (code === 'ECONNREFUSED') return `nothing listens at ${host} (${code}): is Berth running?`;
  return `${host} can not be asked: ${code === 'unknown error' ? error.message : code}`;
}
