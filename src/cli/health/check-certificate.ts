import { isIP } from 'node:net';
import { checkServerIdentity, connect, type PeerCertificate, type TLSSocket } from 'node:tls';

import { errorCode } from '../../system/error-code.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import type { HealthDeps } from './health-deps.ts';

/** A certificate that has less left is about to be forgotten: ACME renews 30 days before the end. */
const SOON_DAYS = 14;
const DAY_MS = 24 * 60 * 60_000;

/** Shakes hands and looks at the certificate for `name`. `ca`: PEM, in place of the well-known authorities. */
export async function checkCertificate(
  name: string,
  where: { readonly address: string; readonly port: number },
  ca: string | undefined,
  deps: HealthDeps,
): Promise<Finding> {
  const { promise, resolve } = Promise.withResolvers<Finding>();
  const socket = connect({
    host: where.address,
    port: where.port,
    // An address is no name that a client may ask a certificate for (RFC 6066 §3).
    ...(isIP(name) === 0 && { servername: name }),
    ALPNProtocols: ['http/1.1'],
    // Looked at here, so that everything that is wrong with it is said.
    rejectUnauthorized: false,
    ...(ca !== undefined && { ca }),
  });
  const timer = setTimeout(() => resolve(silent(name, deps.timeoutMs)), deps.timeoutMs);
  socket.on('secureConnect', () => resolve(judge(name, socket, deps.now())));
  socket.on('error', (error) => resolve(noHandshake(name, where.port, error)));
  socket.on('close', () => resolve(noHandshake(name, where.port, undefined)));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function judge(name: string, socket: TLSSocket, now: number): Finding {
  const certificate = socket.getPeerCertificate();
  const wrong = checkServerIdentity(name, certificate);
  if (wrong !== undefined) {
    return fail(
      'certificate',
      name,
      `it is for ${namesOf(certificate)}, not for ${name}`,
      `issue one that names ${name} as well, and put it into tls.certificates of the listener`,
    );
  }
  const days = Math.floor((Date.parse(certificate.valid_to) - now) / DAY_MS);
  if (days < 0) {
    return fail(
      'certificate',
      name,
      `it expired on ${certificate.valid_to}`,
      "renew it; Berth takes up the new file by itself (and check this machine's clock)",
    );
  }
  if (Date.parse(certificate.valid_from) > now) {
    const advice = "check this machine's clock, otherwise issue it anew";
    return fail('certificate', name, `it is valid from ${certificate.valid_from} only`, advice);
  }
  const untrusted = trustProblem(socket);
  if (untrusted !== undefined) {
    return fail(
      'certificate',
      name,
      `it is not trusted here (${untrusted}); it was issued by ${issuerOf(certificate)}`,
      'name its authority with --ca, and give it to the clients (berth client-config --ca); if it is not yours, a proxy between here and there opens TLS',
    );
  }
  if (days < SOON_DAYS) {
    const advice = 'renew it; Berth takes up the new file by itself';
    return warn('certificate', name, `it expires in ${days} days, on ${certificate.valid_to}`, advice);
  }
  return ok('certificate', name, `covers the name, ${days} days left, issued by ${issuerOf(certificate)}`);
}

/** The dates and the name have been looked at before; of a chain's other certificates the code is all there is. */
function trustProblem({ authorized, authorizationError }: TLSSocket): string | undefined {
  return authorized ? undefined : (errorCode(authorizationError) ?? String(authorizationError));
}

function namesOf({ subjectaltname, subject }: PeerCertificate): string {
  const names = subjectaltname?.replaceAll(/(?:DNS|IP Address):/g, '') ?? first(subject?.CN) ?? 'no name';
  return names.length > 200 ? `${names.slice(0, 200)}…` : names;
}

function issuerOf({ issuer }: PeerCertificate): string {
  return `"${first(issuer?.CN) ?? first(issuer?.O) ?? 'unnamed'}"`;
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function silent(name: string, timeoutMs: number): Finding {
  return fail(
    'certificate',
    name,
    `the TLS handshake was not done within ${timeoutMs / 1000} s`,
    'look for a firewall or proxy that lets TCP through and holds TLS back, and for an MTU that is too large for the path',
  );
}

function noHandshake(name: string, port: number, error: Error | undefined): Finding {
  const code = errorCode(error) ?? 'the connection was closed';
  const isPlain = code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG';
  return fail(
    'certificate',
    name,
    isPlain ? `port ${port} speaks no TLS` : `the TLS handshake failed (${code})`,
    isPlain
      ? 'set tls of the listener, or scheme: http where that is meant'
      : `look for a proxy in between, and at the log of what listens there`,
  );
}
