import t from 'tap';
import { formatPath, formatProblem } from '../../src/config/problem.ts';

t.test('a path as a reader would write it', async (t) => {
  t.equal(formatPath(['registries', 0, 'upstream', 'url']), 'registries[0].upstream.url');
  t.equal(formatPath([]), '');
});

t.test('a problem is one line: place, field, what is wrong, what to do', async (t) => {
  const problem = { path: 'log.level', line: 3, column: 7, message: 'is wrong', hint: 'do\nthat' };
  t.equal(formatProblem(problem, 'berth.yaml'), 'berth.yaml:3:7: log.level: is wrong; do that');
  t.equal(
    formatProblem({ path: '', line: 1, column: 1, message: 'is empty' }, 'berth.yaml'),
    'berth.yaml:1:1: is empty',
  );
  t.equal(
    formatProblem({ path: 'BERTH_X', line: 0, column: 0, message: 'is odd' }, 'berth.yaml'),
    'environment: BERTH_X: is odd',
  );
});
