import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { refusedPort } from '../support/broken-upstream.ts';
import { startFixtureRegistry } from '../support/fixture-registry.ts';
import { buildImage } from '../support/image.ts';

// The recipes of docs/sidecar.md: parsed, and what they have shells do is done, before a registry of this test. docker is played
// by a program that pulls as docker does and needs no daemon (test/e2e/scenario-sidecar.ts has the real one).

const root = join(import.meta.dirname, '../..');
const text = readFileSync(join(root, 'docs/sidecar.md'), 'utf8');
const image = buildImage({ seed: 'sidecar', layerSizes: [90_000, 10] });

type Step = { readonly run?: string; readonly bash?: string };
type Recipe = {
  readonly jobs?: { readonly build: { readonly steps: readonly Step[] } };
  readonly steps?: readonly Step[];
  readonly build?: Readonly<Record<'before_script' | 'script' | 'after_script', readonly string[]>>;
  readonly kind?: string;
  readonly spec?: {
    readonly initContainers: readonly {
      readonly args: readonly string[];
      readonly startupProbe: { readonly exec: { readonly command: readonly string[] } };
    }[];
  };
};

function blocks(language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, block = '']) => block,
  );
}

const recipes = blocks('yaml').map((block): Recipe => parse(block, { strict: true, uniqueKeys: true }));

/** What one recipe has shells do, one script after the other. */
function scriptsOf({ jobs, steps, build }: Recipe): readonly string[] {
  if (build !== undefined) {
    const { before_script: before, script, after_script: after } = build;
    return [before.join('\n'), script.join('\n'), after.join('\n')];
  }
  return (jobs?.build.steps ?? steps ?? []).flatMap((step) => step.run ?? step.bash ?? []);
}

const jenkins = blocks('groovy').flatMap((block) =>
  [...block.matchAll(/sh '''\n([\s\S]*?)'''|sh '([^\n]*)'\n/g)].map(([, long, short]) => long ?? short ?? ''),
);

async function runScript(script: string, cwd: string, env: Record<string, string>): Promise<void> {
  const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', script], {
    cwd,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => void (stderr += chunk.toString()));
  const [code]: unknown[] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${script}\nended with ${String(code)}: ${stderr}`);
}

/** A directory of programs: `berth`, told where the registry of this test is, and `docker`, which is none. */
function programs(directory: string, port: number): string {
  const berth = `exec "${process.execPath}" "${join(root, 'src/main.ts')}"`;
  const write = (name: string, script: string): void => {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  };
  write(
    'berth',
    `if [ "$1" = serve ]; then shift; ${berth} serve --port ${port} --allow-private 127.0.0.0/8 "$@"; fi\n${berth} "$@"`,
  );
  write(
    'docker',
    `case $1 in
       login) printf '%s:%s\\n' "$4" "$(cat)" > "$HOME/credentials" ;;
       pull) exec berth warm "$2" --platform all --credentials "$HOME/credentials" ;;
       *) exit 2 ;;
     esac`,
  );
  return directory;
}

async function tryRecipe(t: Test, scripts: readonly string[]): Promise<void> {
  const users = [{ name: 'ana', password: 'ana-password', repositories: ['team/app'] }];
  const registry = await startFixtureRegistry({
    auth: { kind: 'bearer', users, publicRepositories: [] },
    blobs: { kind: 'serve', ranges: 'all' },
  });
  t.teardown(() => registry.close());
  registry.store.putImage('team/app', image, 'latest');
  const port = await refusedPort();
  const directory = t.testdir({ bin: {} });
  t.teardown(() => {
    // What a recipe that failed has left behind.
    try {
      process.kill(Number(readFileSync(join(directory, 'berth.pid'), 'utf8')), 'SIGKILL');
    } catch {
      // It has ended, as it should.
    }
  });
  const env = {
    PATH: `${programs(join(directory, 'bin'), port)}:${process.env['PATH']}`,
    HOME: directory,
    UPSTREAM: registry.url,
    RUNNER_TOOL_CACHE: directory,
    AGENT_TOOLSDIRECTORY: directory,
    BLOB_CACHE: join(directory, 'berth'),
    REGISTRY_USER: 'ana',
    REGISTRY_USR: 'ana',
    REGISTRY_PASSWORD: 'ana-password',
    REGISTRY_PSW: 'ana-password',
  };
  for (const script of scripts)
    await runScript(script.replaceAll('localhost:5000', `localhost:${port}`), directory, env);
  t.ok(registry.count('blob') > 0, 'the blobs came from the registry');
  t.ok(readdirSync(join(directory, 'berth')).length > 0, 'the cache is where it was asked for');
  const log = () => readFileSync(join(directory, 'berth.log'), 'utf8');
  for (let turn = 0; turn < 300 && !log().includes('"msg":"stopped"'); turn += 1) await wait(100);
  t.match(log(), /"msg":"stopped"/, 'it ended when told, drained');
}

t.test('the recipes are there', async (t) => {
  t.equal(recipes.length, 4);
  t.equal(recipes.filter((recipe) => scriptsOf(recipe).length >= 3).length, 3);
  t.equal(jenkins.length, 3);
});

for (const [name, scripts] of [
  ...recipes
    .filter(({ kind }) => kind === undefined)
    .map((recipe, index) => [`recipe ${index + 1}`, scriptsOf(recipe)] as const),
  ['Jenkins', jenkins] as const,
]) {
  t.test(`${name}: starts Berth, pulls through it with docker's own credentials, ends it`, (t) =>
    tryRecipe(t, scripts),
  );
}

t.test("the pod's arguments and probe are command lines that Berth knows", async (t) => {
  const [container] = recipes.find(({ kind }) => kind === 'Pod')?.spec?.initContainers ?? [];
  t.same(container?.args.slice(0, 2), ['serve', '--upstream']);
  t.same(container?.startupProbe.exec.command.slice(0, 3), ['berth', 'check-health', '--login-server']);
});
