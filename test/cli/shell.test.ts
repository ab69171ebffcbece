import { execFile } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import t from 'tap';
import { createProgram, runCli } from '../../src/cli/create-program.ts';
import { EXAMPLES } from '../../src/cli/examples.ts';
import { testDeps } from '../support/cli-deps.ts';
import { configFile } from '../support/config-file.ts';

const run = promisify(execFile);

async function berth(args: readonly string[], env: Record<string, string> = {}) {
  const { deps, output } = testDeps({ env });
  const exitCode = await runCli(args, deps);
  return { exitCode, ...output };
}

function leaves(command: Command, path: readonly string[] = []): { path: string; command: Command }[] {
  if (command.commands.length === 0) return [{ path: path.join(' '), command }];
  return command.commands.flatMap((inner) => leaves(inner, [...path, inner.name()]));
}

t.test('every command has an example in its help, and each example is understood', async (t) => {
  const commands = leaves(await createProgram(testDeps().deps));
  t.same(Object.keys(EXAMPLES).toSorted(), commands.map(({ path }) => path).toSorted());
  for (const { path } of commands) {
    const help = await berth([...path.split(' '), '--help']);
    t.match(
      help,
      { exitCode: 0, stdout: /\n {0,2}Examples?:\n {2}(berth|source <\(berth) /, stderr: '' },
      path,
    );
  }
  for (const [path, lines] of Object.entries(EXAMPLES)) {
    for (const line of lines) {
      const [, words = ''] = /berth ([^>)]*)/.exec(line) ?? [];
      const args = words
        .trim()
        .split(/\s+/)
        .map((word) => word.replaceAll('"', ''));
      const program = await createProgram(testDeps().deps);
      const ran: string[] = [];
      for (const leaf of leaves(program)) leaf.command.action(() => void ran.push(leaf.path));
      await t.resolves(program.parseAsync(args, { from: 'user' }), line);
      t.same(ran, [path], line);
    }
  }
});

t.test('-n is --name in every command that has it, as in az acr', async (t) => {
  const commands = leaves(await createProgram(testDeps().deps));
  const named = commands.flatMap(({ path, command }) =>
    command.options.filter(({ long }) => long === '--name').map(({ short }) => ({ path, short })),
  );
  t.ok(named.length >= 8, `${named.length} commands`);
  for (const { path, short } of named) t.equal(short, '-n', path);
});

t.test('mistakes are told with what was meant and what to do', async (t) => {
  t.match(await berth(['srve']), {
    exitCode: 2,
    stderr: /unknown command 'srve'\n\(Did you mean serve\?\)[^]*berth --help/,
  });
  t.match(await berth(['show-endpoints', '--nmae', 'x']), {
    exitCode: 2,
    stderr:
      /unknown option '--nmae'\n\(Did you mean --name\?\)[^]*\(berth show-endpoints --help lists its options, with an example\)/,
  });
  t.match(await berth(['ticket-key', 'rotat']), { exitCode: 2, stderr: /Did you mean rotate\?/ });
  const path = join(t.testdir({}), 'berth.yaml');
  const file = configFile();
  const [other] = configFile({ name: 'fabrikam', loginServer: 'fabrikam.registry.example' }).registries;
  writeFileSync(path, JSON.stringify({ ...file, registries: [...file.registries, other] }));
  t.match(await berth(['show-endpoints', '--config', path, '--name', 'fabricam']), {
    exitCode: 1,
    stderr: 'berth: there is no registry "fabricam": there is contoso, fabrikam; did you mean fabrikam?\n',
  });
});

t.test('check as a list', async (t) => {
  const directory = t.testdir({ 'bad.yaml': 'listners: []\n' });
  const bad = join(directory, 'bad.yaml');
  const json = await berth(['check', bad, '-o', 'json']);
  t.equal(json.exitCode, 1);
  t.match(JSON.parse(json.stdout), [
    { line: 1, path: 'listeners' },
    {},
    { path: 'listners', hint: /listeners/ },
  ]);
  t.match(await berth(['check', bad, '-o', 'tsv']), { exitCode: 1, stdout: /^1\t1\tlisteners\t/ });
  const good = join(directory, 'good.yaml');
  writeFileSync(good, JSON.stringify(configFile()));
  t.match(await berth(['check', good, '-o', 'json']), { exitCode: 0, stdout: '[]\n' });
});

t.test('candidates', async (t) => {
  const path = join(t.testdir({}), 'berth.yaml');
  writeFileSync(path, JSON.stringify(configFile()));
  const complete = async (words: readonly string[], env: Record<string, string> = { BERTH_CONFIG: path }) => {
    const { exitCode, stdout } = await berth(['complete', '--', ...words], env);
    t.equal(exitCode, 0);
    return stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split('\t')[0]);
  };
  t.same(await complete(['che']), ['check', 'check-health']);
  t.same(await complete(['show-endpoints', '--name', '']), ['contoso']);
  t.same(await complete(['show-endpoints', '-n', '']), ['contoso']);
  t.same(await complete(['show-endpoints', '--name=c']), ['--name=contoso']);
  t.same(await complete(['show-endpoints', '--name', '=', 'c']), ['contoso'], 'as bash splits it');
  t.same(await complete(['show-endpoints', '--config', path, '--name', ''], {}), ['contoso']);
  t.same(await complete(['show-endpoints', `--config=${path}`, '--name', ''], {}), ['contoso']);
  t.same(
    await complete(['show-endpoints', '--config', `${path}.none`, '--name', '']),
    [],
    'no configuration',
  );
  t.same(await complete(['show-endpoints', '-o', '']), ['json', 'yaml', 'table', 'tsv']);
  t.same(await complete(['ticket-key', '']), ['generate', 'rotate']);
  t.same(await complete(['client-config', 'c']), ['containerd', 'crio']);
  t.same(await complete(['client-config', 'crio', '']), []);
  t.same(await complete(['firewall-rules', '--name', 'fabrikam,c']), ['fabrikam,contoso']);
  t.same(await complete(['check', '']), [':files']);
  t.same(await complete(['serve', '--cache', '']), [':directories']);
  t.same(await complete(['serve', '--config', '']), [':files']);
  t.ok((await complete(['serve', '--pre'])).includes('--preset'));
  t.ok((await complete(['serve', '-'])).includes('--help'));
  t.ok((await complete([''])).includes('serve'));
  t.same(await complete(['nonsense', '']), []);
});

t.test("bash's own completion", async (t) => {
  const directory = t.testdir({});
  const program = join(directory, 'berth');
  const main = join(import.meta.dirname, '../../src/main.ts');
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
  chmodSync(program, 0o755);
  writeFileSync(join(directory, 'berth.yaml'), JSON.stringify(configFile()));
  const complete = async (...words: readonly string[]) => {
    const script = `source <(berth completion bash)
      COMP_WORDS=(${['berth', ...words].map((word) => `'${word}'`).join(' ')})
      COMP_CWORD=${words.length}
      _berth_complete
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { PATH: `${directory}:${process.env['PATH']}`, BERTH_CONFIG: join(directory, 'berth.yaml') };
    const { stdout } = await run('bash', ['--norc', '-c', script], { env, cwd: directory });
    return stdout.trimEnd().split('\n');
  };
  t.same(await complete('show-endpoints', '--name', ''), ['contoso']);
  t.same(await complete('show-endpoints', '--name', '='), ['contoso']);
  t.same(await complete('upd'), ['update']);
  t.same(await complete('check', 'berth.y'), ['berth.yaml'], 'a file');
});
