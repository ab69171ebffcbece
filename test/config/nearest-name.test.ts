import t from 'tap';
import { nearestName } from '../../src/config/nearest-name.ts';

t.test('the name that was meant', async (t) => {
  const known = ['listeners', 'log', 'limits', 'registries', 'loginServer'];
  t.equal(nearestName('listners', known), 'listeners');
  t.equal(nearestName('loginserver', known), 'loginServer');
  t.equal(nearestName('registry', known), 'registries');
  t.equal(nearestName('server', known), undefined, 'too far');
  t.equal(nearestName('logs', known), 'log');
  t.equal(nearestName('zebra', known), undefined);
  t.equal(nearestName('', []), undefined);
});
