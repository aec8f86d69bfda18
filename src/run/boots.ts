import { join } from 'node:path';
import { explainSystemError, UserError } from '../errors.ts';
import {
  CHECK_LOG,
  CHECK_TIME,
  summarizeLikeCheck,
  updateCheckTime,
} from '../formats/suites/fstests.ts';
import { readImageHeader } from '../image/image-header.ts';
import { type EndedBoot, nameCrash, planNextBoot, sumUpBoots } from '../results/boots.ts';
import { readGuestFile } from '../results/guest-files.ts';
import { openRunLogs, type RunLogs } from '../results/log-file.ts';
import type { RunResult } from '../results/run-result.ts';
import { type Blame, judgeRun } from '../results/verdict.ts';
import { findChangedFile, signFiles } from '../sys/file-signature.ts';
import { writeFileAtomic } from '../sys/temporary.ts';
import { toPlainText } from '../ui/plain-text.ts';
import { type BootParts, type BootRequest, runInVm } from './attempt.ts';
import { type StartedJob, showProgress } from './context.ts';
import { createDisplay } from './display.ts';
import { cutRunImage, planRunImage } from './image.ts';

/**
 * Boots the image of a run; with --resume-after-crash, again after each crash, without the tests that
 * are done. Fills in what came of it, after each boot: who interrupts the next one keeps that.
 * @returns who is to blame for a crash
 */
export async function runBoots(
  job: StartedJob,
  parts: BootParts,
  result: RunResult,
): Promise<Blame> {
  const { run, options } = job;
  const logs = openRunLogs({
    console: run.file('console.log'),
    stdout: run.file('stdout.log'),
    stderr: run.file('stderr.log'),
  });
  const isSame = rememberSources(parts);
  const display = createDisplay(job, result);
  const boots: EndedBoot[] = [];
  const boot = async (next: NextImage): Promise<EndedBoot> => {
    if (boots.length > 0) announce(job, logs, boots, next.done);
    const hasInput = boots.length === 0;
    const request: BootRequest = { ...parts, ...next, logs, hasInput, display };
    return runInVm(job, request, result);
  };
  let next: Next = { path: parts.path, done: [] };
  try {
    while ('path' in next) {
      const image: NextImage = next;
      const ended = await attempt(() => boot(image), boots.length > 0);
      if ('because' in ended) {
        next = ended;
        continue;
      }
      boots.push(ended);
      keepTimes(job, ended);
      keepLog(job, ended, boots.length);
      fillIn(result, boots, logs);
      next =
        options.resumeAfterCrash === true
          ? await attempt(() => prepare(job, parts, boots, isSame), true)
          : OVER;
    }
  } finally {
    logs.close();
  }
  const blames = fillIn(result, boots, logs);
  if (next.because !== undefined) {
    result.notes.push(`the run did not go on after the crash: ${next.because}`);
  }
  return blames;
}

/** The image of a boot, and the tests that it leaves out. */
type NextImage = Pick<BootRequest, 'path' | 'done'>;

/** What comes next; or that there is nothing, and why not after a crash. */
type Next = NextImage | { because: string | undefined };

const OVER: Next = { because: undefined };

/** What keeps a run from going on takes nothing from what it is so far. */
async function attempt<Result>(
  work: () => Promise<Result>,
  isForMore: boolean,
): Promise<Result | { because: string }> {
  try {
    return await work();
  } catch (error) {
    const explained = explainSystemError(error);
    if (isForMore && explained instanceof UserError) return { because: explained.message };
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
  // Where the logs of this run cannot be written, those of the next one cannot either.
  return sum.verdict !== 'crash' && logs.unwritten.length > 0 ? 'setup' : blames;
}

/** Makes the image of the next boot. */
async function prepare(
  job: StartedJob,
  { kernel, command, deadline }: BootParts,
  boots: readonly EndedBoot[],
  isSame: (image: string) => boolean,
): Promise<Next> {
  const plan = planNextBoot(boots, command?.tests);
  if (plan === undefined) return OVER;
  if ('because' in plan) return plan;
  if (deadline?.left() === 0) return { because: 'the time is over (--timeout)' };
  showProgress(job, 'the kernel crashed: cutting the next image');
  const { path } = await cutRunImage(job, planRunImage(job, kernel, plan.done));
  if (!isSame(path)) return { because: 'the kernel, or what the image is made of, has changed' };
  return { path, done: plan.done };
}

/** What is tested must be the same in all boots: somebody may have built another kernel meanwhile. */
function rememberSources({ kernel, path: image }: BootParts): (image: string) => boolean {
  const signatures = signFiles([kernel.image], Date.now());
  const describe = (path: string): string => {
    const { parts, moduleFiles } = readImageHeader(path);
    return JSON.stringify([{ ...parts, overlay: '' }, moduleFiles]);
  };
  const first = describe(image);
  return (path) => findChangedFile(signatures) === undefined && describe(path) === first;
}

/**
 * Tells the boots apart in the files that all of them go to, and says on the terminal that one crashed: that
 * line stays.
 */
function announce(
  { options, context: { ui } }: StartedJob,
  logs: RunLogs,
  boots: readonly EndedBoot[],
  done: readonly string[],
): void {
  const line = `rapido: boot ${boots.length + 1}, without ${done.length} tests that are done`;
  logs.console.write(Buffer.from(`\r\n${line}\r\n`));
  for (const log of [logs.stdout, logs.stderr]) log.write(Buffer.from(`\n${line}\n`));
  if (options.quiet === true) return;
  const { reason } = judgeRun(boots.at(-1)!);
  const where = nameCrash(boots.at(-1)!);
  ui.note(`${ui.paintError.red('CRASH')} in ${toPlainText(`${where}: ${reason}`)}`);
  ui.note(line);
}

/** Whether `check` of xfstests was cut short: what it writes down at its end is for rapido to write. */
function isCheckCutShort({ cut }: StartedJob, { record, tests }: EndedBoot): boolean {
  const hasEnded = record.events.some(({ event }) => event === 'command-end');
  return cut.cut.test?.output === 'fstests' && !hasEnded && tests.length > 0;
}

/** How long tests took, for the next run. */
function keepTimes(job: StartedJob, ended: EndedBoot): void {
  if (!isCheckCutShort(job, ended) || job.cut.cut.test?.carry?.includes(CHECK_TIME) !== true)
    return;
  updateGuestFile(job, CHECK_TIME, (text) => updateCheckTime(text, ended.tests));
}

/** What this boot ran, among what the others did. @param number of the boot, from 1 */
function keepLog(job: StartedJob, ended: EndedBoot, number: number): void {
  if (!isCheckCutShort(job, ended)) return;
  const { reason } = judgeRun(ended);
  const lines = [`rapido: boot ${number}: ${reason}`, ...summarizeLikeCheck(ended.tests)];
  updateGuestFile(job, CHECK_LOG, (text) => `${text}\n${lines.join('\n')}\n`);
}

/** A file that is not there because the kernel cannot mount the directory is not missed. */
function updateGuestFile(
  { run }: StartedJob,
  name: string,
  update: (text: string) => string,
): void {
  try {
    writeFileAtomic(join(run.file('guest'), name), update(readGuestFile(run, name) ?? ''));
  } catch {}
}
