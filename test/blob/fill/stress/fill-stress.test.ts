import t from 'tap';
import { playStress } from './play-stress.ts';

/** More by hand: `BERTH_STRESS_SEEDS=200 npm test -- test/blob/fill/stress/fill-stress.test.ts`. */
const SEEDS = Number(process.env['BERTH_STRESS_SEEDS'] ?? 6);
const FIRST = Number(process.env['BERTH_STRESS_FIRST'] ?? 1);

t.test(
  'fifty readers over real connections that break: each ends or fails, and nothing is left',
  async (t) => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
      const tally = await playStress(t, seed);
      t.comment(`seed ${seed}: ${JSON.stringify(tally)}`);
      t.equal(
        Object.values(tally).reduce((sum, count) => sum + count, 0),
        50,
        `seed ${seed}`,
      );
    }
  },
);
