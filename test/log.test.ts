import { Writable } from 'node:stream';
import t from 'tap';
import { createLogger } from '../src/log.ts';

function capture(level: 'debug' | 'info' | 'silent') {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  return { lines, log: createLogger({ level, destination }) };
}

t.test('one JSON object a line, with a readable level and time, without host and process', (t) => {
  const { lines, log } = capture('info');
  log.info({ status: 200 }, 'request');
  log.debug('not at this level');
  t.equal(lines.length, 1);
  const { time, ...line } = JSON.parse(lines[0] ?? '');
  t.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  t.same(line, { level: 'info', status: 200, msg: 'request' });
  t.end();
});

t.test('second line of defence: secrets passed by mistake are not written', (t) => {
  const { lines, log } = capture('info');
  const secret = 'hunter2';
  log.info({ authorization: secret, password: secret, ticket: secret, url: secret });
  log.info({
    request: { headers: { authorization: secret, cookie: secret }, url: secret },
    upstream: { token: secret },
  });
  log.child({ bearer: secret }).info('child');
  t.equal(lines.length, 3);
  t.notMatch(lines.join(''), /hunter2/);
  t.match(lines[0], /REDACTED/);
  t.end();
});

t.test('silent is silent', (t) => {
  const { lines, log } = capture('silent');
  log.error('nothing');
  t.same(lines, []);
  t.end();
});
