import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { RunResult, Verdict } from '../../src/results/run-result.ts';
import { RUN_EXIT } from '../../src/results/verdict.ts';
import type { VmEntry } from '../../src/vm/registry.ts';
import type { Finished, RunOptions, Workspace } from './workspace.ts';

/** A `rapido run` that has ended. */
interface Ran extends Finished {
  /** The content of result.json; undefined if there is none. */
  result: RunResult | undefined;
  /** The directory that was passed with `--results`; it contains only this run. */
  results: string;
  /** A file of the run, as bytes. */
  file: (name: string) => Buffer;
  milliseconds: number;
}

export interface RunnerOptions extends RunOptions {
  /** Called while the command runs, once it has printed READY. */
  whenReady?: (vm: RunningVm) => void | Promise<void>;
  /** That of the context of a test that runs at the same time as others. */
  onTestFinished?: typeof onTestFinished;
}

/** A running run, as seen by other programs on the host. */
export interface RunningVm {
  rapido: number;
  qemu: number;
  /** Path of QEMU's socket for QMP. */
  monitor: string;
}

export type Runner = (args: readonly string[], options?: RunnerOptions) => Promise<Ran>;

/** @returns a function that runs `rapido run` with a new results directory */
export function createRunner(home: Workspace): Runner {
  return async (args, { whenReady, onTestFinished: cleanUp = onTestFinished, ...options } = {}) => {
    const started = performance.now();
    const results = mkdtempSync(join(home.directory, 'results-'));
    let rapido = 0;
    let isOver = false;
    // Ends the VM of a test that timed out.
    cleanUp(() => {
      if (!isOver && rapido !== 0) process.kill(rapido, 'SIGKILL');
    });
    const running = home.rapido(['run', '--results', results, ...args], {
      ...options,
      onStart: (pid) => {
        rapido = pid;
        options.onStart?.(pid);
      },
    });
    if (whenReady !== undefined && (await hasPrinted(results, 'READY', running))) {
      await whenReady({ rapido, ...findVm(home, results) });
    }
    const finished = await running.finally(() => {
      isOver = true;
    });
    return {
      ...finished,
      result: readResult(results),
      results,
      file: (name) => readFileSync(join(onlyRun(results) ?? results, name)),
      milliseconds: performance.now() - started,
    };
  };
}

/** Waits until the command prints a text. @returns false if the run ends before */
async function hasPrinted(
  results: string,
  text: string,
  running: Promise<unknown>,
): Promise<boolean> {
  let isOver = false;
  running.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const log = join(onlyRun(results) ?? results, 'stdout.log');
    if (existsSync(log) && readFileSync(log, 'utf8').includes(text)) return true;
    await sleep(50);
  }
  return false;
}

function onlyRun(results: string): string | undefined {
  const name = readdirSync(results).find((entry) => /^\d{8}-/.test(entry));
  return name === undefined ? undefined : join(results, name);
}

function readResult(results: string): RunResult | undefined {
  const path = join(onlyRun(results) ?? results, 'result.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

function findVm(home: Workspace, results: string): { qemu: number; monitor: string } {
  const registry = join(home.directory, 'run/rapido');
  const entries = readdirSync(registry)
    .filter((name) => /^vm\d+\.json$/.test(name))
    .map((name): VmEntry => JSON.parse(readFileSync(join(registry, name), 'utf8')));
  const entry = entries.find(({ consoleLog }) => consoleLog.startsWith(results));
  if (entry?.qemu === undefined) throw new Error(`no VM of ${results} is registered`);
  return { qemu: entry.qemu.pid, monitor: entry.monitorSocket };
}

/** A fault, and the expected result of `rapido run`. */
export interface Fault {
  /** A sentence: what happens, and the result. */
  name: string;
  args: readonly string[];
  verdict: Exclude<Verdict, 'pass'>;
  /** Exit status, if the verdict does not determine it: that of the command. */
  status?: number;
  /** Part of the reason. */
  reason: string | RegExp;
}

/** The expected result of a run with a fault, for `toMatchObject`. */
export function expectedOf({ verdict, status, reason }: Omit<Fault, 'name' | 'args'>) {
  return { verdict, status: status ?? RUN_EXIT[verdict], reason };
}

/** The result of a run in the same form: the reason is the expected one if it matches. */
export function judgedAs({ status, result, stderr }: Ran, { reason }: Pick<Fault, 'reason'>) {
  const said = result?.reason ?? stderr;
  const fits = typeof reason === 'string' ? said.includes(reason) : reason.test(said);
  return { verdict: result?.verdict, status, reason: fits ? reason : said };
}

/** For `it.each(…)('%s', (_, fault) => …)`, because vitest shortens a long `$name`. */
export function byName<T extends { name: string }>(faults: readonly T[]): [name: string, T][] {
  return faults.map((fault) => [fault.name, fault]);
}
