import tap from 'tap';
import { createFirewall } from './firewall.ts';

const firewall = createFirewall(['login.example', '*.blob.core.windows.net'], (name) =>
  name === 'login.example' ? 5000 : undefined,
);
tap.same(firewall.route('login.example', 443), { address: '127.0.0.1', port: 5000 });
tap.same(firewall.route('a.blob.core.windows.net', 10_000), { address: '127.0.0.1', port: 10_000 });
for (const name of ['blob.core.windows.net', 'x.login.example', 'a.b.blob.core.windows.net', 'example']) {
  tap.throws(() => firewall.route(name, 443), { code: 'name_refused', hostname: name });
}
tap.equal(firewall.refused.length, 4, 'what was refused is reported');
