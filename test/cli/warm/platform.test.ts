import t from 'tap';
import {
  collectPlatforms,
  defaultPlatform,
  formatPlatform,
  matchesPlatform,
} from '../../../src/cli/warm/platform.ts';

const arm = { os: 'linux', architecture: 'arm' };

t.test('platforms of the command line', async (t) => {
  const first = collectPlatforms('linux/amd64');
  t.same(first, [{ os: 'linux', architecture: 'amd64', variant: undefined }]);
  const both = collectPlatforms('linux/arm/v7', first);
  t.same(both === 'all' ? [] : both.map(formatPlatform), ['linux/amd64', 'linux/arm/v7']);
  t.equal(collectPlatforms('all', first), 'all');
  t.equal(collectPlatforms('linux/amd64', 'all'), 'all');
  for (const wrong of ['linux', 'linux/', '/amd64', 'linux/arm/v7/x', 'Linux/amd64', '']) {
    t.throws(() => collectPlatforms(wrong), /os\/architecture/, wrong);
  }
});

t.test('a variant that is not asked for is any', async (t) => {
  t.ok(matchesPlatform({ ...arm, variant: undefined }, { ...arm, variant: 'v7' }));
  t.ok(matchesPlatform({ ...arm, variant: 'v7' }, { ...arm, variant: 'v7' }));
  t.notOk(matchesPlatform({ ...arm, variant: 'v6' }, { ...arm, variant: 'v7' }));
  t.notOk(matchesPlatform({ ...arm, variant: undefined }, { ...arm, os: 'windows', variant: 'v7' }));
});

t.test('this machine in the words of Go', async (t) => {
  t.equal(formatPlatform(defaultPlatform('x64')), 'linux/amd64');
  t.equal(formatPlatform(defaultPlatform('arm64')), 'linux/arm64');
});
