import t, { type Test } from 'tap';
import { createTestAuthority } from '../support/ca.ts';
import { TEST_LIMITS } from '../support/config-defaults.ts';
import { pseudoRandomBytes } from '../support/image.ts';
import { createLookup } from '../support/lookup.ts';
import { BLOB_BYTES, type CellMethod, judge, METHODS, requestOf } from './matrix/cells.ts';
import { type Act, openResumeScene, type ResumeScene } from './resuming.ts';

/**
 * The fault matrix of streams, with a second source: no cache, the first storage host is broken and stays so, and the registry
 * names another one by then. `opening`: broken before the request; `amid`: after half of the body, or between two ranges.
 */
type Row = {
  readonly name: string;
  readonly fault: Fault;
  /** Of each method in turn; left out: all is well. */
  readonly opening?: string;
  readonly amid?: string;
};

type Fault =
  | Act
  | { strike(scene: ResumeScene): void | Promise<void>; mend(scene: ResumeScene): void | Promise<void> };

const MIDDLE = BLOB_BYTES / 2;
const PATIENCE = {
  connectSeconds: 5,
  headersSeconds: 1,
  commitSeconds: 30,
  idleSeconds: 1,
  requestHeadersSeconds: 5,
  drainSeconds: 1,
};
const authority = await createTestAuthority();
t.teardown(() => authority.remove());
const good = await authority.issue(['eusone.blob.core.windows.net', '127.0.0.1']);
const bad = await authority.issue(['elsewhere.example']);
const names = { lost: false };

const cut = (how: 'fin' | 'reset'): Row[] =>
  [BLOB_BYTES / 100, MIDDLE, BLOB_BYTES - 1].map((endsAt) => ({
    name: `${how === 'fin' ? 'cut' : 'reset'} at byte ${endsAt}`,
    fault: { endsAt, how },
  }));
const status = (code: number, headers: Record<string, string> = {}, expected: Partial<Row> = {}): Row => ({
  name: `${code}${headers['retry-after'] === undefined ? '' : ' with Retry-After'}`,
  fault: { status: code, headers },
  ...expected,
});
const LATER = { 'retry-after': '60' };

const ROWS: readonly Row[] = [
  {
    name: 'refused',
    fault: { strike: ({ one }) => one.refuse(), mend: ({ one }) => one.accept() },
  },
  { name: 'no answer', fault: { endsAt: 0 } },
  { name: 'reset', fault: { endsAt: 0, how: 'reset' } },
  ...cut('fin'),
  ...cut('reset'),
  { name: 'silence', fault: { silent: true } },
  { name: 'stall', fault: { endsAt: MIDDLE + 1000, how: 'stall' } },
  { name: 'trickle', fault: { endsAt: MIDDLE + 1000, how: 'trickle' } },
  { name: 'ignores Range', fault: { ignoresRange: true } },
  { name: 'ignores Range and is cut', fault: { ignoresRange: true, endsAt: MIDDLE } },
  { name: 'another range', fault: { shifted: true } },
  // The length is known from the rows before: a first answer's word has no witness against it (see the matrix of fills).
  { name: 'length too long', fault: { otherLength: 1000 } },
  { name: 'length too short', fault: { otherLength: -1000 } },
  {
    name: 'wrong byte',
    fault: { wrongByteAt: MIDDLE + 10 },
    opening: 'reset ok claim claim',
    amid: 'reset claim claim',
  },
  status(401),
  status(403),
  // Nobody but the registry knows whether that is for good; it says so to the next request.
  status(404, {}, { opening: '502 502 502 502', amid: 'short short short' }),
  status(408),
  status(412),
  status(429),
  status(429, LATER),
  status(500),
  status(503),
  status(503, LATER),
  {
    name: 'DNS loss',
    fault: {
      strike({ one }) {
        names.lost = true;
        one.dropConnections();
      },
      mend() {
        names.lost = false;
      },
    },
  },
  {
    name: 'false certificate',
    fault: { strike: ({ one }) => one.present(bad), mend: ({ one }) => one.present(good) },
    opening: '502 502 502 502',
    amid: 'short short short',
  },
];

const seen = new Map<string, { readonly opening: string[]; readonly amid: string[] }>();

async function runRow(t: Test, scene: ResumeScene, { name, fault, ...expected }: Row): Promise<void> {
  const words = { opening: new Array<string>(), amid: new Array<string>() };
  seen.set(name, words);
  for (const state of ['opening', 'amid'] as const) {
    const methods = METHODS.filter((method) => state === 'opening' || method !== 'HEAD');
    const fits = expected[state]?.split(' ');
    for (const [index, method] of methods.entries()) {
      const word = await runCell(scene, method, fault, state);
      words[state].push(word);
      t.equal(word, fits?.[index] ?? 'ok', `${name}, ${method}, ${state}`);
    }
  }
}

async function runCell(
  scene: ResumeScene,
  method: CellMethod,
  fault: Fault,
  state: 'opening' | 'amid',
): Promise<string> {
  const { one, other, links } = scene;
  links.next = () => one.url();
  const url = await scene.ticketUrl();
  links.next = () => other.url();
  one.act = {};
  one.acts.length = 0;
  const strike = async (): Promise<void> => {
    if ('strike' in fault) await fault.strike(scene);
    else one.act = fault;
  };
  if (state === 'opening') await strike();
  else {
    // The strike is there when the first answer has gone out, whatever comes next.
    const struck = Promise.withResolvers<void>();
    one.acts.push({ endsAt: MIDDLE, sent: () => void strike().then(struck.resolve, struck.reject) });
  }
  const answer = await scene.send(url, requestOf(method)).catch(() => undefined);
  if ('strike' in fault) await fault.mend(scene);
  return judge(method, scene.blob, answer);
}

function openMatrixScene(t: Test): Promise<ResumeScene> {
  return openResumeScene(t, {
    authority,
    blob: pseudoRandomBytes('stream matrix', BLOB_BYTES),
    registry: { authorizationTtlSeconds: 0 },
    config: { timeouts: PATIENCE, limits: { ...TEST_LIMITS, upstreamMinBytesPerSecond: 1024 } },
    lookup: createLookup((name) => (names.lost && name.startsWith('eusone.') ? undefined : '127.0.0.1')),
  });
}

t.test('E1 E2 E3 each fault, with a second source: one body, and the right one', async (t) => {
  // Those in which time has to pass have a scene of their own each, beside the others.
  const isSlow = ({ name }: Row): boolean => ['silence', 'stall', 'trickle'].includes(name);
  t.jobs = 3;
  for (const row of ROWS.filter(isSlow)) {
    t.test(row.name, { buffered: true }, async (t) => runRow(t, await openMatrixScene(t), row));
  }
  t.test('the others', { buffered: true }, async (t) => {
    const scene = await openMatrixScene(t);
    for (const row of ROWS.filter((candidate) => !isSlow(candidate))) await runRow(t, scene, row);
  });
  t.end();
});

t.test('no wrong whole blob was completed', (t) => {
  t.equal(seen.size, ROWS.length);
  const all = [...seen.values()].flatMap(({ opening, amid }) => [...opening, ...amid]);
  t.strictSame(
    all.filter((word) => word.includes('WRONG') || word.includes('RESET')),
    [],
  );
  const width = Math.max(...[...seen.keys()].map(({ length }) => length));
  t.comment(`${'fault'.padEnd(width)}  opening: GET HEAD range multi | amid: GET range multi`);
  for (const [name, { opening, amid }] of seen) {
    t.comment(`${name.padEnd(width)}  ${opening.join(' ')} | ${amid.join(' ')}`);
  }
  const counts = Map.groupBy(all, (word) => word);
  t.comment(
    `${all.length} cells: ${[...counts].map(([word, { length }]) => `${length} ${word}`).join(', ')}`,
  );
  t.end();
});
