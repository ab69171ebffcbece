import { errorCode } from '../system/error-code.ts';

/** One line for whatever kept the proxy from starting: what is wrong and what to do. */
export function describeStartError(error: unknown): string {
  if (!(error instanceof Error)) return 'the start failed for an unknown reason';
  const place = placeOf(error);
  switch (errorCode(error) ?? '') {
    case 'EADDRINUSE':
      return `${place} is taken by another process: stop it, or choose another port`;
    case 'EACCES':
      return place === 'the address'
        ? oneLine(error.message)
        : `${place} needs a privilege that this process does not have: choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE`;
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return `${place} does not belong to this machine: choose one that does, or 0.0.0.0 where there is no IPv6`;
    default:
      return oneLine(error.message);
  }
}

function placeOf(error: Error): string {
  const address = 'address' in error && typeof error.address === 'string' ? error.address : undefined;
  const port = 'port' in error && typeof error.port === 'number' ? error.port : undefined;
  if (address === undefined || port === undefined) return 'the address';
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*[\r\n]+\s*/g, ' ');
}
