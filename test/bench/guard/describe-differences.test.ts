import tap from 'tap';

import { describeDifferences } from '../../../bench/guard/describe-differences.ts';

const MACHINE = {
  date: '2026-11-24',
  revision: 'abc1234',
  loadAverage: 0.1,
  cores: 2,
  node: 'v26.0.0',
  programs: ['nginx 1.22', 'curl 7'],
};
const PUBLISHED = { machine: MACHINE, settings: { rounds: 5, blobMebibytes: 256 } };

await tap.test('another day or load is no difference', async (t) => {
  const machine = {
    ...MACHINE,
    date: '2027-01-01',
    revision: 'def',
    loadAverage: 7,
    programs: [...MACHINE.programs],
  };
  t.same(describeDifferences(PUBLISHED, { ...PUBLISHED, machine }), []);
});

await tap.test('another machine and other flags are', async (t) => {
  const { cores: _, ...machine } = {
    ...MACHINE,
    node: 'v27.0.0',
    programs: ['nginx 1.24', 'curl 7'],
    kernel: '7',
  };
  t.same(describeDifferences(PUBLISHED, { machine, settings: { rounds: 1, blobMebibytes: 256 } }), [
    'cores: published with 2, now none',
    'node: published with v26.0.0, now v27.0.0',
    'programs: published with ["nginx 1.22","curl 7"], now ["nginx 1.24","curl 7"]',
    'kernel: published with none, now 7',
    'rounds: published with 5, now 1',
  ]);
});
