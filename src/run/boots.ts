import { join } from 'node:path';
import { explainSystemError, UserError } from '../errors.ts';
import {
  CHECK_LOG,
  CHECK_TIME,
  summarizeLikeCheck,
  updateCheckTime,
} from '../formats/suites/fstests.ts';
import type { Kernel } from '../host/kernel.ts';
import { readImageHeader } from '../image/image-header.ts';
import { type EndedBoot, nameCrash, planNextBoot, sumUpBoots } from '../results/boots.ts';
import { readGuestFile } from '../results/guest-files.ts';
import { openRunLogs, type RunLogs } from '../results/log-file.ts';
import type { RunResult } from '../results/run-result.ts';
import { type Blame, judgeRun } from '../results/verdict.ts';
import { findChangedFile, signFiles } from '../sys/file-signature.ts';
import { writeFileAtomic } from '../sys/temporary.ts';
import { toPlainText } from '../ui/plain-text.ts';
import { type RunContext, showProgress } from './context.ts';
import { createDisplay } from './display.ts';
import { cutRunImage, planRunImage } from './image.ts';
import { type Boot, type BootSetup, bootOnce } from './one-boot.ts';

/**
 * Boots the image of a run; with --resume-after-crash, boots again after each crash, without the tests that
 * are done. Updates the result after each boot, so that an interruption of the next boot loses nothing.
 * @param path of the image
 * @returns what a crash is blamed on
 */
export async function runBoots(run: RunContext, path: string, setup: BootSetup): Promise<Blame> {
  const { directory, result, settings } = run;
  const logs = openRunLogs({
    console: directory.file('console.log'),
    stdout: directory.file('stdout.log'),
    stderr: directory.file('stderr.log'),
  });
  const isSame = rememberSources(setup.kernel, path);
  const display = createDisplay(run);
  const boots: EndedBoot[] = [];
  const boot = (image: NextImage): Promise<EndedBoot> => {
    const isFirst = boots.length === 0;
    if (!isFirst) announce(run, logs, boots, image.done);
    return bootOnce(run, { ...setup, ...image, isFirst, logs, display });
  };
  let next: Next = { path, done: [] };
  try {
    while ('path' in next) {
      const image: NextImage = next;
      const ended = boots.length === 0 ? await boot(image) : await orReason(() => boot(image));
      if ('because' in ended) {
        next = ended;
        continue;
      }
      boots.push(ended);
      saveTestTimes(run, ended);
      saveCheckLog(run, ended, boots.length);
      fillIn(result, boots, logs);
      next =
        settings.resumeAfterCrash === true
          ? await orReason(() => prepareNext(run, setup, boots, isSame))
          : OVER;
    }
  } finally {
    logs.close();
  }
  const blames = fillIn(result, boots, logs);
  if (next.because !== undefined) {
    result.notes.push(`the run could not continue after the crash: ${next.because}`);
  }
  return blames;
}

/** The image of a boot, and the tests that it skips because they are done. */
type NextImage = Pick<Boot, 'path' | 'done'>;

/** The next boot; or that there is none, with the reason if it would have been needed after a crash. */
type Next = NextImage | { because: string | undefined };

const OVER: Next = { because: undefined };

/** A failure to continue after a crash must not discard the results so far. */
async function orReason<Result>(
  work: () => Promise<Result>,
): Promise<Result | { because: string }> {
  try {
    return await work();
  } catch (error) {
    const explained = explainSystemError(error);
    if (explained instanceof UserError) return { because: explained.message };
    throw error;
  }
}

function fillIn(result: RunResult, boots: readonly EndedBoot[], logs: RunLogs): Blame {
  const last = boots.at(-1)!;
  const unwritten = [...last.unwritten, ...logs.unwritten];
  const sum = sumUpBoots([...boots.slice(0, -1), { ...last, unwritten }]);
  const { times, blames, ...fields } = sum;
  Object.assign(result, fields);
  Object.assign(result.times, times);
  // If the logs of this run cannot be written, those of the next run cannot be either.
  return sum.verdict !== 'crash' && logs.unwritten.length > 0 ? 'setup' : blames;
}

/** Cuts the image of the next boot. */
async function prepareNext(
  run: RunContext,
  { kernel, command, deadline }: BootSetup,
  boots: readonly EndedBoot[],
  isSame: (image: string) => boolean,
): Promise<Next> {
  const plan = planNextBoot(boots, command?.tests);
  if (plan === undefined) return OVER;
  if ('because' in plan) return plan;
  if (deadline?.left() === 0) return { because: 'the time limit was reached (--timeout)' };
  showProgress(run, 'the kernel crashed; cutting an image without the tests that are done');
  const path = await cutRunImage(run, run, planRunImage(run, kernel, plan.done));
  if (!isSame(path)) {
    return { because: 'the kernel or the contents of the image have changed since the first boot' };
  }
  return { path, done: plan.done };
}

/** All boots must test the same thing, but the user may have built another kernel in the meantime. */
function rememberSources(kernel: Kernel, image: string): (image: string) => boolean {
  const signatures = signFiles([kernel.image], Date.now());
  const describe = (path: string): string => {
    const { parts, moduleFiles } = readImageHeader(path);
    return JSON.stringify([{ ...parts, overlay: '' }, moduleFiles]);
  };
  const first = describe(image);
  return (path) => findChangedFile(signatures) === undefined && describe(path) === first;
}

/**
 * Marks the beginning of a boot in the logs, which all boots share, and reports the crash on the terminal in a
 * line that is not overwritten.
 */
function announce(
  { settings, context: { ui } }: RunContext,
  logs: RunLogs,
  boots: readonly EndedBoot[],
  done: readonly string[],
): void {
  const line = `rapido: boot ${boots.length + 1}, without ${done.length} tests that are done`;
  logs.console.write(Buffer.from(`\r\n${line}\r\n`));
  for (const log of [logs.stdout, logs.stderr]) log.write(Buffer.from(`\n${line}\n`));
  if (settings.quiet === true) return;
  const { reason } = judgeRun(boots.at(-1)!);
  const where = nameCrash(boots.at(-1)!);
  ui.note(`${ui.paintError.red('CRASH')} in ${toPlainText(`${where}: ${reason}`)}`);
  ui.note(line);
}

/** Whether `check` of xfstests was killed: then rapido writes the files that `check` writes at its end. */
function wasCheckKilled({ cut }: RunContext, { record, tests }: EndedBoot): boolean {
  const hasEnded = record.events.some(({ event }) => event === 'command-end');
  return cut.cut.test?.output === 'fstests' && !hasEnded && tests.length > 0;
}

/** Saves how long the tests took, for the next run. */
function saveTestTimes(run: RunContext, ended: EndedBoot): void {
  if (!wasCheckKilled(run, ended) || run.cut.cut.test?.carry?.includes(CHECK_TIME) !== true) return;
  updateGuestFile(run, CHECK_TIME, (text) => updateCheckTime(text, ended.tests));
}

/** Appends the results of this boot to those of the others. @param number of the boot, from 1 */
function saveCheckLog(run: RunContext, ended: EndedBoot, number: number): void {
  if (!wasCheckKilled(run, ended)) return;
  const { reason } = judgeRun(ended);
  const lines = [`rapido: boot ${number}: ${reason}`, ...summarizeLikeCheck(ended.tests)];
  updateGuestFile(run, CHECK_LOG, (text) => `${text}\n${lines.join('\n')}\n`);
}

/** Errors are ignored: the directory is missing if the kernel cannot mount it, and the file is only a help. */
function updateGuestFile(
  { directory }: RunContext,
  name: string,
  update: (text: string) => string,
): void {
  try {
    const path = join(directory.file('guest'), name);
    writeFileAtomic(path, update(readGuestFile(directory, name) ?? ''));
  } catch {}
}
