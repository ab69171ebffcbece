import t from 'tap';
import { createConsoleViewer } from '../../src/console/console-events.ts';
import { renderPage, renderSections } from '../../src/console/render-page.ts';
import { FACTS } from './facts.ts';

t.test('the page says without JavaScript what there is to say', async (t) => {
  const page = renderPage(FACTS);
  for (const text of [
    'ready',
    'contoso.eastus.data.registry.example',
    'connection refused',
    'ask again &lt;later&gt;',
    '1.0 KiB of 4.0 KiB, 25 %',
    'Hit ratio, last hour</dt><dd>75 %',
    'Fetched ÷ sent, last hour</dt><dd>25 %',
    'nothing is written: no_room',
    '5: renew',
    'expired',
    '1 min 30 s',
  ]) {
    t.ok(page.includes(text), text);
  }
  t.notMatch(page, /<later>/);
});

t.test('nothing under way, nothing refused, no certificate: said in words', async (t) => {
  const page = renderPage({
    ...FACTS,
    work: [],
    refusals: [],
    certificates: [],
    regions: [],
    traffic: [],
    cache: undefined,
    failingChecks: ['draining'],
  });
  for (const text of [
    'No transfer is under way.',
    'Nothing was refused.',
    'not ready: draining',
    'no blob asked for',
  ]) {
    t.ok(page.includes(text), text);
  }
});

t.test('long lists are cut, and say so', async (t) => {
  const [transfer] = FACTS.work;
  if (transfer === undefined) throw new Error('the facts have a transfer');
  const { transfers = '' } = renderSections({ ...FACTS, work: Array.from({ length: 53 }, () => transfer) });
  t.equal(transfers.split('<tr>').length - 2, 50);
  t.match(transfers, /and 3 more/);
});

t.test('events bring what has changed', async (t) => {
  const viewer = createConsoleViewer();
  const first = viewer.next(FACTS);
  t.match(
    first,
    /^event: sections\ndata: \{.*"overview":.*\}\n\nevent: traffic\ndata: \{"at":\[1795521540\],"cache":\[0\.3\]/,
  );
  t.equal(viewer.next(FACTS), '');
  const second = viewer.next({ ...FACTS, refusals: [] });
  t.match(second, /"refusals":/);
  t.notMatch(second, /"overview":/);
  t.notMatch(second, /event: traffic/);
});

t.test('ten thousand registries are a page that can be sent, with what fails in it', (t) => {
  const [registry] = FACTS.registries;
  const [region] = FACTS.regions;
  if (registry === undefined || region === undefined)
    throw new Error('the facts have a registry with a region');
  const many = Array.from({ length: 10_000 });
  const regions = many.map((_, index) => ({
    ...region,
    region: `region${index}`,
    state: index === 9_999 ? 'failing' : 'healthy',
  }));
  const facts = { ...FACTS, registries: many.map(() => registry), regions };
  const page = renderPage(facts);
  t.ok(page.length < 512 * 1024, `${page.length} characters`);
  t.match(page, /and 9800 more/);
  t.match(page, /region9999/);
  t.ok(createConsoleViewer().next(facts).length < 512 * 1024);
  t.end();
});
