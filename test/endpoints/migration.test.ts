import t from 'tap';
import { createMigration } from '../../src/endpoints/migration.ts';

t.test('counts by registry and network, the latest first', async (t) => {
  let time = Date.parse('2026-11-24T10:00:00.000Z');
  const migration = createMigration({ now: () => time });
  migration.record('contoso', '192.0.2.0/24', 'storage');
  time += 1000;
  migration.record('contoso', '192.0.2.0/24', 'storage');
  migration.record('contoso', '198.51.100.0/24', 'dataEndpoint');
  migration.record('fabrikam', '192.0.2.0/24', 'arrived');
  const never = { count: 0, lastSeen: null };
  t.same(migration.counts('contoso'), {
    since: '2026-11-24T10:00:00.000Z',
    total: {
      storage: { count: 2, lastSeen: '2026-11-24T10:00:01.000Z' },
      dataEndpoint: { count: 1, lastSeen: '2026-11-24T10:00:01.000Z' },
      arrived: never,
    },
    networks: [
      {
        network: '198.51.100.0/24',
        storage: never,
        dataEndpoint: { count: 1, lastSeen: '2026-11-24T10:00:01.000Z' },
        arrived: never,
      },
      {
        network: '192.0.2.0/24',
        storage: { count: 2, lastSeen: '2026-11-24T10:00:01.000Z' },
        dataEndpoint: never,
        arrived: never,
      },
    ],
    droppedNetworks: 0,
  });
  t.match(migration.counts('fabrikam'), { total: { arrived: { count: 1 } }, networks: { length: 1 } });
  t.match(migration.counts('unknown'), { networks: [], total: { storage: never } });
});

t.test('memory is bounded: the network not seen for longest is forgotten, and that is counted', async (t) => {
  const migration = createMigration({ now: () => 0, maxNetworks: 100 });
  for (let index = 0; index < 1000; index += 1) {
    migration.record('contoso', `10.${index >> 8}.${index & 255}.0/24`, 'storage');
    migration.record('contoso', '192.0.2.0/24', 'dataEndpoint');
  }
  const { networks, droppedNetworks, total } = migration.counts('contoso');
  t.equal(networks.length, 100);
  t.equal(droppedNetworks, 901);
  t.equal(total.storage.count, 1000, 'the sum forgets nothing');
  t.equal(networks[0]?.network, '192.0.2.0/24');
  t.equal(networks[0]?.dataEndpoint.count, 1000);
});
