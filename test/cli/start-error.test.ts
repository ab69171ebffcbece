import t from 'tap';
import { describeStartError } from '../../src/cli/start-error.ts';

function systemError(code: string, fields: Record<string, unknown> = {}): Error {
  return Object.assign(new Error(`${code}: boom`), { code, ...fields });
}

t.test('one line that says what to do', async (t) => {
  const place = { address: '::', port: 443 };
  t.match(
    describeStartError(systemError('EADDRINUSE', place)),
    /^\[::\]:443 is taken by another process: stop it/,
  );
  t.match(
    describeStartError(systemError('EADDRINUSE', { address: '127.0.0.1', port: 1 })),
    /^127\.0\.0\.1:1 is taken/,
  );
  t.match(describeStartError(systemError('EACCES', place)), /needs a privilege.*1024/);
  t.equal(describeStartError(systemError('EACCES')), 'EACCES: boom');
  t.match(describeStartError(systemError('EADDRNOTAVAIL', place)), /does not belong to this machine/);
  t.match(describeStartError(systemError('EAFNOSUPPORT', place)), /0\.0\.0\.0/);
  t.equal(describeStartError(new Error('first\n  second')), 'first second');
  t.match(describeStartError('odd'), /unknown reason/);
});
