import t from 'tap';
import { configFile, loaded, loadedRegistry, problemLines } from '../support/config-file.ts';

t.test('defaults: everybody, nothing kept, no socket', async (t) => {
  t.same(loadedRegistry().rollout, { clients: [], percent: 100 });
  t.match(loaded(configFile()), { stateDirectory: null, admin: null });
});

t.test('paths start from the directory of the file', async (t) => {
  const file = configFile({}, { stateDirectory: 'state', admin: { socket: 'run/admin.sock' } });
  t.match(loaded(file), {
    stateDirectory: '/etc/berth/state',
    admin: { socket: '/etc/berth/run/admin.sock' },
  });
  t.match(loaded(configFile(), { BERTH_STATE_DIRECTORY: '/s', BERTH_ADMIN_SOCKET: '/a' }), {
    stateDirectory: '/s',
    admin: { socket: '/a' },
  });
});

t.test('a rollout says whom it means', async (t) => {
  const clients = ['10.1.0.0/16', '2001:db8::/48'];
  t.same(loadedRegistry({ rollout: { clients, percent: 0 } }).rollout, { clients, percent: 0 });
  t.match(problemLines(configFile({ rollout: { clients } })), [
    /rollout\.clients: has no effect: percent is 100, .*; add percent: 0/,
  ]);
  t.match(problemLines(configFile({ rollout: { clients: ['10.1.0.0/33'], percent: 0 } })), [
    /rollout\.clients\[0\]: "10\.1\.0\.0\/33" is not a CIDR/,
  ]);
  for (const percent of [-1, 101]) {
    t.match(problemLines(configFile({ rollout: { percent } })), [/rollout\.percent: -?\d+ is out of range/]);
  }
});

t.test('a rollout without data endpoints is refused', async (t) => {
  const rollout = { percent: 10 };
  t.match(problemLines(configFile({ rollout, delivery: 'inline' })), [
    /rollout: has no effect with .*inline/,
  ]);
  t.match(problemLines(configFile({ rollout, delivery: 'passthrough', dataEndpoint: null })), [
    /rollout: has no effect without dataEndpoint; add a pattern/,
  ]);
  t.same(problemLines(configFile({ rollout, delivery: 'passthrough' })), [], 'may be switched on later');
});

t.test('the socket has a path that fits', async (t) => {
  t.match(problemLines(configFile({}, { admin: {} })), [/admin\.socket: is missing/]);
  t.match(problemLines(configFile({}, { admin: { socket: `/${'x'.repeat(90)}` } })), [
    /admin\.socket: is longer than 90/,
  ]);
});
