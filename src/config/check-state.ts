import type { FileConfig } from './file-config.ts';
import type { Finding } from './problem.ts';

const PROTOCOLS = ['redis:', 'rediss:'];

/** Where the shared state is. A password in a URL would end in process lists and messages, so it is refused. */
export function checkState(state: FileConfig['state']): readonly Finding[] {
  if (state === null) return [];
  const isShort = typeof state === 'string';
  const text = isShort ? state : state.url;
  if (text === undefined) return [];
  const path = isShort ? ['state'] : ['state', 'url'];
  const url = URL.parse(text);
  // The value itself is not shown: it may hold a password.
  if (url === null || !PROTOCOLS.includes(url.protocol) || url.hostname === '') {
    const hint = 'write redis://host:port, or rediss://host:port for TLS';
    return [{ path, message: 'is not the URL of a Redis', hint }];
  }
  if (url.password !== '') {
    const hint = 'put it on the first line of a file, and name that in state.passwordFile';
    return [{ path, message: 'has a password in it', hint }];
  }
  if (!/^(\/\d{0,5})?$/.test(url.pathname) || url.search !== '' || url.hash !== '') {
    const hint = 'after the port only the number of a database may stand: redis://host:6379/0';
    return [{ path, message: 'says more than where the Redis is', hint }];
  }
  if (!isShort && state.caFile !== null && url.protocol === 'redis:') {
    const hint = 'write rediss://, or take caFile away';
    return [{ path: ['state', 'caFile'], message: 'is of no use without TLS', hint }];
  }
  return [];
}
