import { parseDigest } from '../../../src/oci/digest.ts';
import { parseRepositoryName } from '../../../src/oci/repository-name.ts';
import { readKeyFile } from '../../../src/ticket/key-file.ts';
import { sealTicket } from '../../../src/ticket/seal-ticket.ts';
import type { Ticket } from '../../../src/ticket/ticket.ts';
import { generateTicketKeys } from '../../../src/ticket/ticket-keys.ts';
import { type Attack, requestBytes } from './attack.ts';
import type { Facts } from './facts.ts';

/** Links that are forged, expired, altered, or somebody else's; `keyFile` only serves to make those that once were good. */
export async function ticketAttacks(facts: Facts, keyFile: string, foreignTicket: string): Promise<Attack[]> {
  const { login, data, attacker, ticket, drop } = facts;
  const keys = await readKeyFile(keyFile);
  const repository = parseRepositoryName(facts.repository);
  const digest = parseDigest(facts.digest);
  if (repository === undefined || digest.kind !== 'ok') throw new Error('the facts are not of a blob');
  const now = Math.floor(Date.now() / 1000);
  const good: Ticket = {
    registry: 'closed',
    loginServer: login,
    dataEndpoint: data,
    region: 'westeurope',
    repository,
    digest: digest.digest,
    size: undefined,
    source: { kind: 'storage', url: `https://${attacker.host}${drop}`, expiresAt: undefined },
    bearer: undefined,
    expiresAt: now + 600,
  };
  const sealed = ticket.slice(ticket.indexOf('&t=') + 3);
  const flip = (index: number) =>
    ticket.replace(
      sealed,
      sealed.slice(0, index) + (sealed[index] === 'A' ? 'B' : 'A') + sealed.slice(index + 1),
    );
  const rows: Record<string, string> = {
    'no ticket': '/',
    'an expired one': `/?${sealTicket(keys, { ...good, expiresAt: now - 1 })}`,
    "one by the attacker's own keys": `/?${sealTicket(generateTicketKeys(), good)}`,
    'one of another data endpoint': `/?${sealTicket(keys, { ...good, dataEndpoint: `x.${data}` })}`,
    'one of another registry': `/?${sealTicket(keys, { ...good, registry: 'contoso' })}`,
    'one of another Berth': foreignTicket,
    'another repository': ticket.replace('r=public/app', 'r=alice/secret'),
    'another digest': ticket.replace(digest.digest, `sha256:${'0'.repeat(64)}`),
    'another version': ticket.replace('v=1', 'v=2'),
    'a flipped key id': flip(0),
    'a flipped bit in the middle': flip(Math.floor(sealed.length / 2)),
    'one cut short': ticket.slice(0, -8),
    'one made longer': `${ticket}AAAA`,
    'two tickets': `${ticket}&t=${sealed}`,
    'an added field of storage': `${ticket}&comp=block&blockid=AAAA`,
    'an added signature': `${ticket}&${drop.split('?')[1]}`,
    "the attacker's own link": drop,
    'an endless one': `/?r=public/app&d=${digest.digest}&v=1&t=${'A'.repeat(9000)}`,
  };
  const attacks = Object.entries(rows).map(
    ([what, target]): Attack => ({
      what: `ticket: ${what}`,
      to: data,
      bytes: requestBytes(`GET ${target}`, data),
      wanted: [403],
    }),
  );
  return [
    ...attacks,
    {
      what: 'a good ticket at the login server',
      to: login,
      bytes: requestBytes(`GET ${ticket}`, login),
      wanted: [404],
    },
    {
      what: 'a good ticket for another host',
      to: data,
      bytes: requestBytes(`GET ${ticket}`, attacker.host),
      wanted: [421],
    },
  ];
}

/** Fields that storage would obey, on a request that the data endpoint answers. */
export function storageFieldAttacks({ data, attacker, ticket, drop }: Facts): Attack[] {
  const fields = [
    'x-ms-range: bytes=0-0',
    `x-ms-copy-source: https://${attacker.host}${drop}`,
    'x-ms-copy-source-authorization: Bearer x',
    'x-ms-blob-type: BlockBlob',
    'x-ms-version: 2021-12-02',
    'x-ms-lease-action: acquire',
    `x-amz-copy-source: /loot/x`,
    'X-HTTP-Method-Override: PUT',
    'Authorization: SharedKey loot:AAAA',
    `Referer: https://${attacker.host}/`,
  ];
  const get = (more: string[], wanted: number): Attack => ({
    what: `fields of storage, ${wanted}`,
    to: data,
    bytes: requestBytes(`GET ${ticket}`, data, [...fields, ...more]),
    wanted: [wanted],
  });
  return [get([], 200), get(['Range: bytes=0-9'], 206)];
}
