import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  FIREWALL_FORMATS,
  formatFirewallRules,
} from '../../../src/endpoints/firewall/format-firewall-rules.ts';
import { goldenFiles } from './golden-files.ts';

const directory = join(import.meta.dirname, 'golden');

t.test('each format prints its golden files, byte for byte', async (t) => {
  const files = await goldenFiles();
  t.equal(files.size, FIREWALL_FORMATS.length * 3 + 2);
  for (const [name, text] of files) t.equal(text, readFileSync(join(directory, name), 'utf8'), name);
  t.same(
    globSync('*', { cwd: directory }).toSorted(),
    [...files.keys()].toSorted(),
    'no file without a case',
  );
});

t.test('no golden rule depends on the order of answers', async (t) => {
  const { SAMPLES, resolveSample, DNS_SERVERS } = await import('./sample-egress.ts');
  const options = { dnsServers: DNS_SERVERS, gateway: false };
  for (const format of FIREWALL_FORMATS) {
    const once = await formatFirewallRules(format, SAMPLES.dedicated, { ...options, resolve: resolveSample });
    const reversed = await formatFirewallRules(format, SAMPLES.dedicated, {
      ...options,
      resolve: async (name) => (await resolveSample(name)).toReversed(),
    });
    t.equal(once, reversed, format);
  }
});
