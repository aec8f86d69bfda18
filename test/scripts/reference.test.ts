import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { readOutline, referenceFiles } from '../../scripts/reference/files.ts';
import { makeTemporaryDirectory, writeFiles } from '../support/temporary-directory.ts';
import { run } from '../support/workspace.ts';

const FILES = referenceFiles('1.2.3');

/** A rapido that prints names, one of which is dangerous to expand, and logs how it was called. */
const RAPIDO = `#!/bin/sh
echo "$*" >>"$LOG"
while [ "$1" != __names ]; do shift; done
case $2 in
  cuts) printf '%s\\n' simple-example simple-network 'x$(touch "$LOG.evil")' ;;
  vms) printf '%s\\n' 1 rapido1 ;;
  runs) printf '%s\\n' latest 20261123-021557-cut-3f2a ;;
  keys) printf '%s\\n' KERNEL_SRC KERNEL_RELEASE ;;
esac`;

const has = (program: string): boolean =>
  (process.env.PATH ?? '').split(':').some((directory) => existsSync(join(directory, program)));

/** Command lines, and what is offered at their ends. */
const COMPLETIONS: [string, string[]][] = [
  ['rapido setup-', ['setup-network', 'setup-ramdisk']],
  ['rapido help ru', ['run']],
  ['rapido cut --dr', ['--driver', '--dry-run']],
  ['rapido cut simple-example --net ', ['none', 'tap', 'user']],
  ['rapido cut simp', ['simple-example', 'simple-network']],
  ['rapido run --timeout 1m simple-e', ['simple-example']],
  ['rapido run x --with simple-n', ['simple-network']],
  ['rapido exec ', ['1', 'rapido1']],
  ['rapido stop 1 ra', ['rapido1']],
  ['rapido results latest l', ['latest']],
  ['rapido conf KERNEL_S', ['KERNEL_SRC']],
  ['rapido completion ', ['bash', 'fish', 'zsh']],
  ['rapido clean cache ', ['cache', 'images', 'results']],
  ['rapido run simple-example -- setpri', ['setpriv']],
];

let directory: string;
let env: Record<string, string>;
beforeEach(async () => {
  directory = makeTemporaryDirectory();
  writeFiles(directory, { ...FILES, rapido: RAPIDO, 'images/a.img': '' });
  await run(['chmod', '+x', join(directory, 'rapido')], {});
  const log = join(directory, 'log');
  env = { PATH: `${directory}:${process.env.PATH}`, HOME: directory, LOG: log, TERM: 'dumb' };
});

const call = (argv: readonly string[]) => run(argv, { env, cwd: directory });
const wasEvil = (): boolean => existsSync(join(directory, 'log.evil'));

describe('completion for bash', () => {
  /** Splits the line as bash does; compopt works only while readline completes. */
  const SCRIPT = `
    . completion/rapido.bash
    compopt() { echo "compopt $*"; }
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _rapido
    [[ \${#COMPREPLY[@]} = 0 ]] || printf '%s\\n' "\${COMPREPLY[@]}"`;
  const complete = async (...words: string[]) => {
    const { stdout, stderr } = await call(['bash', '-c', SCRIPT, 'bash', ...words]);
    expect(stderr).toBe('');
    return [...new Set(stdout.split('\n').filter(Boolean))].sort();
  };

  test.each(COMPLETIONS)('%s', async (line, offered) => {
    expect(await complete(...line.split(' '))).toEqual(offered);
    expect(wasEvil()).toBe(false);
  });

  test('files, directories and images are left to readline', async () => {
    expect(await complete('rapido', 'run', 'x', '-f', './')).toEqual(['compopt -o default']);
    expect(await complete('rapido', '--cut-dir', '')).toEqual(['compopt -o dirnames']);
    expect(await complete('rapido', 'boot', './im')).toEqual(['compopt -o default']);
  });

  test('bash splits --net=tap at the =', async () => {
    expect(await complete('rapido', 'cut', '--net', '=', 't')).toEqual(['tap']);
    expect(await complete('rapido', 'cut', '--net', '=')).toEqual(['none', 'tap', 'user']);
  });

  test('a name that a shell would expand is quoted', async () => {
    const [offered] = await complete('rapido', 'cut', 'x');
    expect(offered).toBe(String.raw`x\$\(touch\ \"\$LOG.evil\"\)`);
    expect(wasEvil()).toBe(false);
  });

  test('names come from the directories and the conf of the command line', async () => {
    await complete('rapido', '--cut-dir', '~/my cuts', '--conf', 'c', 'cut', '');
    const { stdout } = await call(['cat', 'log']);
    expect(stdout).toBe(`--cut-dir ${directory}/my cuts --conf c __names cuts\n`);
  });
});

describe.skipIf(!has('fish'))('completion for fish', () => {
  const complete = async (line: string) => {
    const script = `source completion/rapido.fish; complete -C '${line}'`;
    const { stdout, stderr } = await call(['fish', '--no-config', '-c', script]);
    expect(stderr).toBe('');
    const offered = stdout.split('\n').filter(Boolean);
    return offered.map((it) => it.replace(/\t.*/, '')).sort();
  };

  test.each(COMPLETIONS)('%s', async (line, offered) => {
    // fish 4 also offers names that have the letters in this order, as --cut-dir for --dr.
    const word = line.split(' ').at(-1) ?? '';
    expect((await complete(line)).filter((name) => name.startsWith(word))).toEqual(offered);
    expect(wasEvil()).toBe(false);
  });

  test('names come from the directories and the conf of the command line', async () => {
    await complete('rapido --cut-dir /x cut s');
    expect((await call(['cat', 'log'])).stdout).toBe('--cut-dir /x __names cuts\n');
  });
});

describe.skipIf(!has('zsh'))('completion for zsh', () => {
  /**
   * Types the line and TAB twice into a zsh on a terminal, and prints what zsh shows. zsh says when it reads a line, and
   * when it has handled the keys.
   */
  const SCRIPT = `
    zmodload zsh/zpty
    zpty z zsh -f -i
    zpty -w z 'PS1=; fpath=($PWD/f $fpath); autoload -Uz compinit; compinit -u -d dump; stty columns 200; LISTMAX=1000'
    zpty -w z 'zle-line-init() print -n REA""DY; zle -N zle-line-init; finish() print -n EN""D; zle -N finish; bindkey "^O" finish'
    zpty -r z out '*READY*'
    zpty -w -n z "$1"$'\\t\\t\\x0f'
    zpty -r z out '*END*'
    sleep 0.5
    while zpty -rt z chunk; do out+=$chunk; done
    print -r -- $out
    zpty -d z`;

  // Each starts a zsh, which takes seconds.
  test.each(COMPLETIONS.filter((_, index) => index % 4 === 0))('%s', async (line, offered) => {
    writeFiles(directory, { 'f/_rapido': FILES['completion/rapido.zsh'] ?? '' });
    const { stdout } = await call(['timeout', '20', 'zsh', '-f', '-c', SCRIPT, 'zsh', line]);
    for (const name of offered) expect(stdout).toContain(name);
    expect(wasEvil()).toBe(false);
  });
});

describe('the man page', () => {
  const page = FILES['man/rapido.1'] ?? '';

  test.skipIf(!has('groff'))(
    'is valid, and shows commands and options as they are typed',
    async () => {
      const { stdout, stderr, status } = await run(
        ['groff', '-ww', '-man', '-Tascii', '-P-c', '-P-bou', join(directory, 'man/rapido.1')],
        { env },
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toContain('cut [options] <name> [-- QEMU arguments (with --boot)]');
      expect(stdout).toContain("rapido cut simple-example -b -x 'uname -a; dmesg | tail'");
      expect(stdout).toMatch(/--boot-timeout duration\n/);
      expect(stdout).toContain('rapido 1.2.3');
    },
  );

  test('has an entry for every command and option of the help, and none that is hidden', () => {
    const tags = page.match(/^\\fB.*$/gm)?.map((tag) => tag.replaceAll('\\-', '-')) ?? [];
    const outlined = readOutline().commands.flatMap((one) => [one, ...one.subcommands]);
    expect(outlined.map(({ name }) => name)).toContain('results merge');
    for (const { name, options } of outlined) {
      expect(tags).toContainEqual(expect.stringContaining(`\\fB${name}\\fR`));
      for (const { long } of options)
        expect(tags).toContainEqual(expect.stringContaining(`\\fB${long}\\fR`));
    }
    expect(page).not.toContain('__names');
  });
});
