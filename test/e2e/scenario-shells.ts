import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BERTH_MAIN, type Berth } from './berth.ts';
import { run } from './process.ts';
import { expect } from './report.ts';
import type { World } from './world.ts';

/** `berth completion` in the shells themselves, with the registries of the configuration that runs. */
export async function shellsScenario(world: World, berth: Berth): Promise<void> {
  const directory = await mkdtemp(join(world.directory, 'shells-'));
  const bin = join(directory, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'berth'), `#!/bin/sh\nexec "${process.execPath}" "${BERTH_MAIN}" "$@"\n`);
  await chmod(join(bin, 'berth'), 0o755);
  const path = `${bin}:${process.env['PATH']}`;
  const env = { PATH: path, HOME: directory, TERM: 'xterm', BERTH_CONFIG: berth.configFile };

  await world.report.check('shells: fish completes registries, commands and formats', async () => {
    const complete = async (line: string) => {
      const script = `berth completion fish | source; complete -C ${JSON.stringify(line)}`;
      const { stdout } = await run(['fish', '--no-config', '-c', script], { env, cwd: directory });
      return stdout.split('\n').map((text) => text.split('\t')[0]);
    };
    expect((await complete('berth show-endpoints --name ')).includes('contoso'), 'a registry');
    expect((await complete('berth upd')).includes('update'), 'a command');
    expect((await complete('berth show-endpoints -o y')).includes('yaml'), 'a format');
    return undefined;
  });

  await world.report.check('shells: zsh completes registries and commands at its own prompt', async () => {
    await writeFile(
      join(directory, '_berth'),
      (await run([join(bin, 'berth'), 'completion', 'zsh'], { env })).stdout,
    );
    // A zsh on a terminal of its own, told to press the key.
    const complete = async (line: string, wanted: string) => {
      const script = `zmodload zsh/zpty
        zpty -b inner zsh -f -i
        zpty -w inner "PS1='ready> '; fpath=(${directory} \\$fpath); autoload -Uz compinit; compinit -u -D; bindkey '^I' complete-word"
        zpty -w -n inner "${line}"$'\\t'
        local all='' part=''
        for i in {1..200}; do
          while zpty -r -t inner part; do all+=$part; done
          [[ $all == *"${wanted}"* ]] && break
          sleep 0.1
        done
        print -r -- "$all"
        zpty -d inner`;
      const { stdout } = await run(['zsh', '-f', '-c', script], { env, cwd: directory });
      expect(stdout.includes(wanted), `${line}: ${stdout.slice(-500)}`);
    };
    await complete('berth show-endpoints --name cont', '--name contoso');
    await complete('berth upd', 'berth update');
    return undefined;
  });
}
