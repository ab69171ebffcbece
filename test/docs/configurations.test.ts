import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse, stringify } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { blocksOf, DOCUMENTS, ROOT, readDocument } from './documents.ts';

// Every piece of a configuration that a document shows is laid over config/berth.yaml, and has to be right there.

type Fields = Readonly<Record<string, unknown>>;

type Schema = { readonly properties?: Readonly<Record<string, Schema>>; readonly items?: Schema };
const schema: Schema = JSON.parse(readFileSync(join(ROOT, 'config/berth.schema.json'), 'utf8'));
const base = parse(readFileSync(join(ROOT, 'config/berth.yaml'), 'utf8'));
const topFields = Object.keys(schema.properties ?? {});
const registryFields = Object.keys(schema.properties?.['registries']?.items?.properties ?? {});

/** Documents whose YAML is no configuration of Berth, and what reads it. */
const OTHERS: Readonly<Record<string, string>> = {
  'docs/sidecar.md': 'test/docs/sidecar.test.ts',
  'docs/tickets.md': 'securityContext and volumes of a pod',
};

/** The whole file that a piece stands for; undefined: it is none of ours. */
function wholeOf(piece: Fields): Fields | undefined {
  const keys = Object.keys(piece);
  const [registry] = base.registries;
  if (keys.every((key) => topFields.includes(key))) {
    const registries = Array.isArray(piece['registries']) ? piece['registries'] : base.registries;
    // A piece of a registry that the text around has the rest of.
    return {
      ...base,
      ...piece,
      registries: registries.map((one: Fields) => ({ ...named(registry, one), ...one })),
    };
  }
  if (keys.join() === 'store') return { ...base, cache: { directory: 'cache', ...piece } };
  if (keys.every((key) => registryFields.includes(key))) {
    return { ...base, registries: [{ ...named(registry, piece), ...piece }] };
  }
  return undefined;
}

/** What a registry has where the piece says nothing; a preset belongs to one upstream. */
function named(registry: Fields, piece: Fields): Fields {
  if (piece['upstream'] === undefined || piece['preset'] !== undefined) return registry;
  const { preset: _, ...rest } = registry;
  return { ...rest, redirectHosts: ['storage.example'] };
}

for (const file of DOCUMENTS) {
  const blocks = blocksOf(readDocument(file), 'yaml');
  if (blocks.length === 0 || OTHERS[file] !== undefined) continue;
  t.test(`${file}: ${blocks.length} pieces of configuration`, async (t) => {
    for (const block of blocks) {
      const whole = wholeOf(parse(block));
      if (whole === undefined) {
        t.fail(`neither fields of a configuration nor of a registry: ${block}`);
        continue;
      }
      const loaded = loadConfig({ text: stringify(whole), fileName: '/etc/berth/berth.yaml', env: {} });
      t.equal(
        loaded.kind,
        'ok',
        loaded.kind === 'ok' ? block : `${block}\n${JSON.stringify(loaded.problems)}`,
      );
    }
  });
}
