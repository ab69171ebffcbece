import t from 'tap';
import { faultsOfItsOwn } from './faults-of-its-own.ts';

t.test('what Berth failed at itself, and what it only passed on', (t) => {
  const own = [
    '{"level":"info","status":500,"outcome":"failed","failure":"internal_error","msg":"request"}',
    '{"level":"info","status":500,"outcome":"failed","failure":"UNKNOWN","msg":"request"}',
    '{"level":"info","status":499,"outcome":"digest_mismatch","failure":"digest_mismatch","msg":"request"}',
    '{"level":"fatal","msg":"uncaught"}',
    'Error: nobody caught this',
  ];
  const others = [
    '{"level":"info","status":500,"outcome":"failed","msg":"request"}',
    '{"level":"info","status":502,"outcome":"upstream_failed","failure":"connection_refused","msg":"request"}',
    '',
  ];
  t.strictSame(faultsOfItsOwn([...others, ...own].join('\n')), own);
  t.end();
});
