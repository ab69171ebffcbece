import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import t from 'tap';

/**
 * The import direction of docs/adr/0001-house.md: every folder may import itself and what stands in its row, nothing
 * else. Types count as well: a type that points upwards is a dependency, too.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'main.ts': ['cli', 'app.ts', 'worker-app.ts', 'workers', 'log.ts'],
  'app.ts': [
    'trace',
    'admin',
    'login-server',
    'data-endpoint',
    'listener',
    'blob',
    'upstream',
    'cache',
    'ticket',
    'policy',
    'endpoints',
    'config',
    'audit',
    'console',
    'serving',
    'state',
    'metrics',
    'oci',
    'workers',
    // Parts are closed in turn, and a reload's work is done in turns.
    'system',
  ],
  // What a worker process is made of: the same parts, with the primary's in place of its own.
  'worker-app.ts': [
    'trace',
    'listener',
    'blob',
    'upstream',
    'cache',
    'ticket',
    'policy',
    'endpoints',
    'config',
    'audit',
    'serving',
    'state',
    'metrics',
    'oci',
    'workers',
  ],
  'log.ts': ['config'],
  // `berth cache` opens the directory itself where no Berth runs; `check-health` judges addresses as the connector does.
  cli: [
    'cache',
    'metrics',
    'config',
    'endpoints',
    'ticket',
    'policy',
    'listener',
    'upstream',
    'oci',
    'http',
    'system',
  ],
  // `workers` and `audit`: the primary's side of several processes (docs/adr/0022-workers.md).
  serving: [
    'workers',
    'audit',
    'trace',
    'login-server',
    'data-endpoint',
    'listener',
    'blob',
    'upstream',
    'cache',
    'state',
    'ticket',
    'policy',
    'endpoints',
    'config',
    'metrics',
    'oci',
    // A reload's work in turns with what is under way.
    'system',
  ],
  'login-server': [
    'listener',
    'blob',
    'upstream',
    'cache',
    'state',
    'ticket',
    'policy',
    'endpoints',
    'config',
    'metrics',
    'oci',
    'http',
    // Options of bounded stores.
    'system',
  ],
  'data-endpoint': ['listener', 'blob', 'upstream', 'ticket', 'policy', 'config', 'metrics', 'oci', 'http'],
  admin: ['cache', 'endpoints', 'config', 'oci', 'http', 'system'],
  listener: ['audit', 'trace', 'policy', 'config', 'metrics', 'oci', 'http', 'system'],
  blob: ['upstream', 'trace', 'cache', 'state', 'ticket', 'metrics', 'oci', 'http', 'system'],
  // What replicas share: beside the cache, and as little the business of whoever decides.
  state: ['config', 'metrics', 'system'],
  // Looked into by everything that a request passes; it knows nobody.
  trace: [],
  upstream: ['config', 'trace', 'metrics', 'oci', 'http', 'system'],
  cache: ['metrics', 'oci', 'http', 'system'],
  ticket: ['oci', 'http', 'system'],
  policy: ['config', 'http', 'system'],
  endpoints: ['config', 'http', 'system'],
  config: ['endpoints', 'policy', 'http', 'oci'],
  // It looks at everything and is looked at by nobody.
  console: ['audit', 'endpoints', 'config', 'metrics', 'system'],
  // What the processes of one instance say to each other: pieces of everything that they share.
  workers: [
    'audit',
    'trace',
    'blob',
    'upstream',
    'cache',
    'state',
    'policy',
    'endpoints',
    'config',
    'metrics',
    'oci',
    'http',
    'system',
  ],
  audit: ['metrics', 'system'],
  metrics: [],
  oci: ['http'],
  http: [],
  system: [],
};

/** Modules that only these places may use. */
const RESERVED: Readonly<Record<string, (file: string) => boolean>> = {
  undici: (file) => file.startsWith('upstream/'),
  '@opentelemetry/api': (file) => file.startsWith('trace/'),
  '@opentelemetry/core': (file) => file.startsWith('trace/'),
  '@opentelemetry/sdk-trace-base': (file) => file.startsWith('trace/'),
  'prom-client': (file) => file.startsWith('metrics/'),
  commander: (file) => file.startsWith('cli/') || file === 'main.ts',
  yaml: (file) => file.startsWith('config/') || file.startsWith('cli/'),
  fastify: (file) => file.startsWith('listener/') || file.startsWith('console/'),
  '@azure/storage-blob': isObjectStore,
  '@aws-sdk/client-s3': isObjectStore,
  '@aws-sdk/client-ecr': (file) => file.startsWith('upstream/identity/'),
  // It takes whatever a server announces (docs/adr/0018-replicas.md): tests alone.
  redis: () => false,
  'node:fs': readsFiles,
  'node:fs/promises': readsFiles,
  // Pointers: docs/adr/0023-page-cache-reads.md.
  'node:ffi': (file) => file === 'cache/page-cache.ts',
  'node:child_process': (file) =>
    file === 'upstream/credentials-helper.ts' || file === 'workers/fork-worker.ts',
};

/** Their libraries are heavy, and loaded where they are configured. */
function isObjectStore(file: string): boolean {
  return file.startsWith('cache/objects/');
}

/** Where files are the point: certificates, keys, passwords, credentials, authorities, the configuration itself. */
function readsFiles(file: string): boolean {
  return [
    /^cli\//,
    /^system\//,
    /^main\.ts$/,
    // Each reader of a fill has a file of its own, so that it needs nothing but messages from the owner.
    /^blob\/fill\/spool-file\.ts$/,
    /^listener\/certificate-pair\.ts$/,
    /^audit\/audit-file\.ts$/,
    /^console\/console-assets\.ts$/,
    // The disk store.
    /^cache\/store-fs\.ts$/,
    // Credentials and authorities of the shared blob store.
    /^cache\/objects\/open-object-store\.ts$/,
    // Password and authorities.
    /^state\/redis\/connect-redis\.ts$/,
    /^ticket\/key-file\.ts$/,
    /^endpoints\/settings-file\.ts$/,
    /^admin\/control-socket\.ts$/,
    /^policy\/htpasswd-file\.ts$/,
    /^upstream\/(credentials-file|authorities)\.ts$/,
  ].some((place) => place.test(file));
}

const root = join(import.meta.dirname, '..');
const sources = globSync('src/**/*.ts', { cwd: root }).map((file) => file.slice('src/'.length));

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, 'src', file), 'utf8');
  return [...text.matchAll(/(?:^|\s)(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
}

function placeOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] ?? '') : file;
}

t.test('imports point downwards only', (t) => {
  t.ok(sources.length > 50, 'the sources were found');
  for (const file of sources) {
    const place = placeOf(file);
    const allowed = MAY_IMPORT[place];
    if (allowed === undefined) {
      t.fail(`${file}: ${place} is not in the table; add it with a reason in docs/adr/0001-house.md`);
      continue;
    }
    const wrong = importsOf(file)
      .filter((name) => name.startsWith('.'))
      .map((name) => placeOf(normalize(join(dirname(file), name))))
      .filter((target) => target !== place && !allowed.includes(target));
    t.strictSame(wrong, [], file);
  }
  t.end();
});

t.test('the two doors take of the listener only what a request is', (t) => {
  for (const file of sources.filter((name) => /^(login-server|data-endpoint)\//.test(name))) {
    const used = importsOf(file).filter((name) => name.includes('/listener/'));
    const allowed = [
      '../listener/door-request.ts',
      '../listener/take-response.ts',
      '../listener/request-context.ts',
    ];
    t.strictSame(
      used.filter((name) => !allowed.includes(name)),
      [],
      file,
    );
  }
  t.end();
});

t.test('some modules are used in one place only', (t) => {
  for (const file of sources) {
    for (const name of importsOf(file)) {
      const isAllowed = RESERVED[name];
      if (isAllowed !== undefined) t.ok(isAllowed(file), `${file} imports ${name}`);
    }
  }
  t.end();
});

t.test('only main.ts knows the process', (t) => {
  for (const file of sources.filter((name) => name !== 'main.ts')) {
    const text = readFileSync(join(root, 'src', file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    t.notMatch(
      text,
      /\bprocess\.(env|argv|exit|on|once|stdout|stderr|stdin|cwd)\b|from 'node:process'/,
      file,
    );
  }
  t.end();
});

t.test('no file is longer than 500 lines, the median is below 100', (t) => {
  const files = globSync('{src,test,bench}/**/*.ts', { cwd: root });
  const lines = files.map((file) => ({
    file,
    count: readFileSync(join(root, file), 'utf8').split('\n').length,
  }));
  for (const { file, count } of lines) t.ok(count <= 500, `${file} has ${count} lines`);
  const counts = lines.map(({ count }) => count).toSorted((a, b) => a - b);
  t.ok((counts[Math.floor(counts.length / 2)] ?? 0) <= 100, 'median');
  t.end();
});

t.test('every source file can be imported', async (t) => {
  for (const file of sources.filter((name) => name !== 'main.ts')) {
    await t.resolves(import(join(root, 'src', file)), file);
  }
});
