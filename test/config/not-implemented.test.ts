import t from 'tap';
import { configFile, problemLines } from '../support/config-file.ts';

t.test('a field of a later version is refused, with its place', async (t) => {
  const top = { workers: 1 };
  const registry = {
    serveRegions: 'all',
    regions: [{ name: 'eastus', upstream: { url: 'https://x.example' } }],
  };
  const lines = problemLines(configFile(registry, top));
  const refused = lines.map(
    (line) => /^f:1:\d+: ([^:]+): is not implemented in this version; /.exec(line)?.[1],
  );
  t.same(
    new Set(refused),
    new Set(['workers', 'registries[0].serveRegions', 'registries[0].regions[0].upstream']),
  );
  t.equal(lines.length, 3);
});
