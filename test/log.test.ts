import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { pino } from 'pino';
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

t.test('secrets are found in any case, on errors, in lists, and below a child', (t) => {
  const { lines, log } = capture('info');
  const secret = 'hunter2';
  const error = Object.assign(new Error('failed'), {
    url: secret,
    request: { headers: { Cookie: secret } },
    cause: Object.assign(new Error('inner'), { TOKEN: secret }),
  });
  class Request {
    readonly headers = { authorization: secret };
    readonly path = '/shown';
  }
  log.error(error);
  log.info({ err: error });
  log.info({ list: [{ Authorization: secret }], request: new Request() });
  log.child({ request: { location: secret } }).info({ at: new Date(0) }, 'child');
  t.equal(lines.length, 4);
  t.notMatch(lines.join(''), /hunter2/);
  const { err } = JSON.parse(lines[0] ?? '');
  t.match(err, { type: 'Error', url: 'REDACTED' });
  t.match(err.message, /failed/);
  t.match(err.stack, /log\.test/);
  t.match(lines[2], /shown/);
  t.match(JSON.parse(lines[3] ?? ''), { request: { location: 'REDACTED' }, at: '1970-01-01T00:00:00.000Z' });
  t.same(error.url, secret, 'what is logged is not changed');
  t.end();
});

t.test('silent is silent', (t) => {
  const { lines, log } = capture('silent');
  log.error('nothing');
  t.same(lines, []);
  t.end();
});

t.test('every line is what pino itself writes, those of flat fields too', (t) => {
  const { lines, log } = capture('info');
  const expected: string[] = [];
  const plain = pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => void expected.push(line) },
  );
  const samples: readonly object[] = [
    {
      requestId: 'a"b\\c\n\u0001é\ud800',
      status: 200,
      ok: true,
      left: undefined,
      ratio: 0.1,
      none: Number.NaN,
    },
    {},
    { left: undefined },
    { 'a"b': 1, big: Number.POSITIVE_INFINITY, zero: -0 },
    { nothing: null, list: [1, 'two'], inner: { at: new Date(0) } },
    new Map([['a', 1]]),
    new Date(0),
    { code: () => 1 },
    { err: 'text' },
    Object.create({ inherited: 1 }),
  ];
  for (const fields of samples) {
    for (const logger of [log, log.child({ worker: 2 })]) logger.info(fields, 'msg "x"');
    for (const logger of [plain, plain.child({ worker: 2 })]) logger.info(fields, 'msg "x"');
    log.warn(fields);
    plain.warn(fields);
  }
  log.info('text %d', 1);
  plain.info('text %d', 1);
  const withoutTime = (line: string) => line.replace(/"time":"[^"]*"/, '"time":""');
  t.same(lines.map(withoutTime), expected.map(withoutTime));
  t.ok(lines.every((line) => /"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/.test(line)));
  t.end();
});

t.test('lines that nobody reads wait in bounded memory; how many were lost is said', async (t) => {
  const program = `
    const { createLogger } = await import(${JSON.stringify(import.meta.resolve('../src/log.ts'))});
    const log = createLogger({ level: 'info' });
    for (let turn = 0; turn < 40; turn += 1) {
      for (let line = 0; line < 1000; line += 1) log.info({ filler: 'x'.repeat(1000) }, 'line');
      await new Promise((resolve) => setImmediate(resolve));
    }
    process.stderr.write('all said');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stderr, 'data');
  let written = 0;
  let lost = 0;
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text);
    if (line.msg === 'line') written += 1;
    else lost += line.lost;
  }
  t.ok(written >= 10_000, String(written));
  t.ok(lost > 0);
  t.equal(written + lost, 40_000);
});
