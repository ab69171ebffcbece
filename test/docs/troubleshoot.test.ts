import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { FAULTS } from '../e2e/symptoms/faults.ts';
import { readSymptoms, saysSo } from '../e2e/symptoms/read-symptoms.ts';
import { ROOT, readDocument } from './documents.ts';

const CLIENTS = ['docker', 'containerd', 'containerd 2', 'podman', 'skopeo', 'crane', 'buildkit'];

/** Words of others that no run of ours makes, and whose they are. */
const FOREIGN: Readonly<Record<string, string>> = {
  'tls: failed to verify certificate:': 'crypto/tls of Go',
  'Failed to pull image "…": rpc error: code = Unknown desc = failed to pull and unpack image "…":':
    'kubelet, containerd',
  'Client.Timeout exceeded while awaiting headers': 'net/http of Go',
  'net/http: timeout awaiting response headers': 'net/http of Go',
  'You have reached your pull rate limit': 'Docker Hub',
  'Authentication information is not given in the correct format': 'Azure Storage',
  'filesystem layer verification failed for digest': 'dockerd',
  'connection reset by peer': 'Linux',
};

t.test('docs/troubleshoot.md and the faults of the end-to-end scenario, both ways', async (t) => {
  const symptoms = await readSymptoms();
  t.strictSame([...new Set(symptoms.map(({ fault }) => fault))].toSorted(), Object.keys(FAULTS).toSorted());
  for (const { fault, client } of symptoms) t.ok(CLIENTS.includes(client), `${fault}: ${client} is run`);
  const rows = readDocument('docs/troubleshoot.md').match(
    /^\| (?:docker|containerd(?: 2)?|podman|skopeo|crane|buildkit) \|/gm,
  );
  t.equal(symptoms.length, rows?.length, 'every row of a table is compared');
});

t.test("docs/troubleshoot.md quotes Berth's own messages as they are", async (t) => {
  const sources = globSync('src/**/*.ts', { cwd: ROOT }).map((file) =>
    readFileSync(join(ROOT, file), 'utf8'),
  );
  const prose = readDocument('docs/troubleshoot.md')
    .replaceAll(/^```[\s\S]*?^```$/gm, '')
    .replaceAll(/^\| [a-z]+(?: 2)? \| `.*$/gm, '');
  const used = new Set<string>();
  let own = 0;
  for (const [, span = ''] of prose.matchAll(/`([^`\n]+)`/g)) {
    const quote = span.trim();
    if (quote.split(' ').length < 4 || /^(npm|berth) /.test(quote)) continue;
    if (FOREIGN[quote] !== undefined) {
      used.add(quote);
      continue;
    }
    own += 1;
    t.ok(
      sources.some((source) => saysSo(source, quote)),
      `in the sources: ${quote}`,
    );
  }
  t.ok(own > 10, `${own} messages`);
  t.strictSame([...used].toSorted(), Object.keys(FOREIGN).toSorted(), 'foreign words that are quoted');
});
