import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identifyProcess } from '../../src/sys/process-identity.ts';
import { CHANNEL_MODULES, makeKernelTree } from '../support/kernel-tree.ts';
import {
  createWorkspace,
  type Finished,
  ONE_CPU,
  RAPIDO,
  type RunOptions,
  run,
  type Workspace,
} from '../support/workspace.ts';

/** A bisection boots some five VMs, one after another. */
const BISECTION_TIMEOUT = 600_000;

/** The git configuration of the user who runs the tests must have no effect. */
const GIT_ENV = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'A Developer',
  GIT_AUTHOR_EMAIL: 'developer@example.org',
  GIT_COMMITTER_NAME: 'A Developer',
  GIT_COMMITTER_EMAIL: 'developer@example.org',
};

interface Repository {
  path: string;
  git: (args: readonly string[], options?: RunOptions) => Promise<Finished>;
  /** Commits one version of the files, with the subject `version N` and the tag `vN`. */
  commit: (version: number, files: Record<string, string>) => Promise<void>;
  /** Starts a bisection in which version 1 is good and the last one is bad. */
  startBisect: () => Promise<void>;
  /** `git bisect run rapido run …` */
  bisectRun: (args: readonly string[], options?: RunOptions) => Promise<Finished>;
  /** The verdicts given so far, such as `good: version 4`, in their order. */
  readVerdicts: () => Promise<string[]>;
}

async function createRepository(home: Workspace, path: string): Promise<Repository> {
  mkdirSync(path, { recursive: true });
  const git: Repository['git'] = (args, options = {}) =>
    run(['git', ...args], {
      cwd: path,
      ...options,
      env: { ...home.env, ...GIT_ENV, ...options.env },
    });
  const succeed = async (...args: string[]): Promise<Finished> => {
    const result = await git(args);
    expect(result).toMatchObject({ status: 0 });
    return result;
  };
  await succeed('init', '--quiet', '--initial-branch=main');
  return {
    path,
    git,
    commit: async (version, files) => {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
      await succeed('add', '--', ...Object.keys(files));
      await succeed('commit', '--quiet', '--message', `version ${version}`);
      await succeed('tag', `v${version}`);
    },
    startBisect: async () => {
      await succeed('bisect', 'start', 'main', 'v1');
    },
    bisectRun: (args, options) =>
      git(['bisect', 'run', process.execPath, RAPIDO, 'run', ...args], options),
    readVerdicts: async () => {
      const { stdout } = await succeed('bisect', 'log');
      const lines = stdout.matchAll(/^# (good|bad|skip|first bad commit): \[[0-9a-f]+\] (.*)$/gm);
      return [...lines].map(([, verdict, subject]) => `${verdict}: ${subject}`);
    },
  };
}

describe('git bisect run rapido run --bisect', () => {
  const home = createWorkspace(afterAll, ONE_CPU);

  it('finds the commit that broke a script, and skips one whose script cannot tell', {
    timeout: BISECTION_TIMEOUT,
  }, async () => {
    const repository = await createRepository(home, join(home.directory, 'a script'));
    for (let version = 1; version <= 10; version++) {
      const sign = version < 8 ? '+' : '-';
      const verdict = version === 5 ? 'exit 125' : '((sum == 5))';
      await repository.commit(version, {
        'test.sh': `#!/bin/bash\n# version ${version}\nsum=$((2 ${sign} -3 + 6))\n${verdict}\n`,
      });
    }
    await repository.startBisect();
    const result = await repository.bisectRun(['simple-example', '--bisect', '-f', './test.sh']);
    expect(result).toMatchObject({ status: 0 });
    const verdicts = await repository.readVerdicts();
    expect(verdicts).toContain('skip: version 5');
    expect(verdicts.at(-1)).toBe('first bad commit: version 8');
  });

  it('skips a commit whose build fails, although an earlier build left something to test', {
    timeout: BISECTION_TIMEOUT,
  }, async () => {
    const tree = join(home.directory, 'linux');
    makeKernelTree(tree, { drivers: CHANNEL_MODULES });
    const conf = home.write('tree.conf', `KERNEL_SRC="${tree}"\n`);
    const repository = await createRepository(home, tree);
    const makefile = [
      'reproducer: reproducer.c',
      '\tgcc -o $@ $<',
      // The modules of the installed kernel are installed already.
      'modules_install:',
      '\t@test -n "$(INSTALL_MOD_PATH)"',
      '',
    ].join('\n');
    for (let version = 1; version <= 10; version++) {
      const status = version < 7 ? 0 : 1;
      const end = version === 5 ? '' : ';';
      await repository.commit(version, {
        Makefile: makefile,
        'reproducer.c': `/* ${version} */ int main(void) { return ${status}${end} }\n`,
      });
    }
    // As if the test had just failed for a developer. If it counted for version 5, that would be marked bad.
    expect(await run(['make'], { cwd: tree, env: home.env })).toMatchObject({ status: 0 });
    await repository.startBisect();
    const result = await repository.bisectRun([
      'simple-example',
      '--bisect',
      '--conf',
      conf,
      '--build',
      'make',
      '--include',
      './reproducer:/root/',
      '--',
      './reproducer',
    ]);
    expect(result).toMatchObject({ status: 0 });
    const verdicts = await repository.readVerdicts();
    expect(verdicts).toContain('skip: version 5');
    expect(verdicts.at(-1)).toBe('first bad commit: version 7');
    expect(result.stderr).toContain('kernel build failed: make exited');
    expect(result.stderr).toMatch(/reproducer\.c:1:\d+: error: expected .;. before/);
  });

  describe('if no commit can be tested', () => {
    let repository: Repository;
    let start: string[];
    beforeAll(async () => {
      repository = await createRepository(home, join(home.directory, 'stopped'));
      for (let version = 1; version <= 4; version++) {
        await repository.commit(version, { version: `${version}\n` });
      }
      await repository.startBisect();
      start = await repository.readVerdicts();
    });

    it.each([
      ['a mistake in the conf', { conf: 'KERNEL_SRCC=/linux\n' }, 'unknown key KERNEL_SRCC'],
      [
        'a wrong value on the command line',
        { args: ['--timeout', 'soon'] },
        'is not a valid duration',
      ],
      ['an unknown option', { args: ['--timeuot', '9'] }, "unknown option '--timeuot'"],
      ['an unknown cut', { cut: 'simple-exmaple' }, 'no such target: simple-exmaple'],
      [
        '--build without a kernel tree',
        { args: ['--build', 'make'] },
        '--build: there is no kernel tree',
      ],
    ])('stops at %s, and marks no commit', async (_, mistake, words) => {
      const { conf = '', cut = 'simple-example', args = [] }: Mistake = mistake;
      const path = home.write('mistake.conf', conf);
      const result = await repository.bisectRun([
        cut,
        '--bisect',
        '--conf',
        path,
        ...args,
        '-x',
        'true',
      ]);
      expect(result.stderr).toContain(words);
      expect(result.stderr).toContain('exit code 128');
      expect(result.status).not.toBe(0);
      expect(await repository.readVerdicts()).toEqual(start);
    });

    it('stops at Ctrl-C, ends the VM, and marks no commit', async () => {
      const results = join(home.directory, 'interrupted');
      let git = 0;
      const bisecting = repository.bisectRun(
        ['simple-example', '--bisect', '--results', results, '-x', 'echo RUNNING; sleep 300'],
        {
          // A terminal sends the signal to the whole process group: git, its shell, rapido.
          prefix: ['setsid'],
          onStart: (pid) => {
            git = pid;
          },
        },
      );
      await waitUntil(() => readInRun(results, 'stdout.log').includes('RUNNING'));
      const qemu = Number(readFileSync(join(home.directory, 'run/rapido/rapido_vm1.pid'), 'utf8'));
      expect(identifyProcess(qemu)).toBeDefined();
      process.kill(-git, 'SIGINT');
      expect(await bisecting).not.toMatchObject({ status: 0 });
      // git does not wait for rapido, which still ends the VM and writes the result.
      await waitUntil(() => readInRun(results, 'result.json') !== '');
      expect(JSON.parse(readInRun(results, 'result.json'))).toMatchObject({
        verdict: 'interrupted',
        status: 130,
      });
      await waitUntil(() => identifyProcess(qemu) === undefined);
      expect(await repository.readVerdicts()).toEqual(start);
    });
  });
});

interface Mistake {
  conf?: string;
  cut?: string;
  args?: readonly string[];
}

/** A file of the only run in a directory; empty as long as there is none. */
function readInRun(results: string, file: string): string {
  try {
    const run = readdirSync(results).find((name) => /^\d{8}-/.test(name)) ?? '';
    return readFileSync(join(results, run, file), 'utf8');
  } catch {
    return '';
  }
}

async function waitUntil(isSo: () => boolean): Promise<void> {
  const end = Date.now() + 120_000;
  while (!isSo()) {
    if (Date.now() > end) throw new Error('it did not come to that in two minutes');
    await sleep(100);
  }
}
