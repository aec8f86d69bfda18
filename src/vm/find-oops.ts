import { createReadStream } from 'node:fs';
import { MESSAGE_OVERLAP } from '../formats/klog/line.ts';
import { createSplatScanner } from '../formats/klog/scanner.ts';
import { readLines } from '../sys/lines.ts';
import { isFile } from '../sys/stat.ts';
import type { VmRecord } from './ending.ts';

/** TAINT_DIE of Documentation/admin-guide/tainted-kernels.rst: the kernel has oopsed. */
const OOPSED = 1 << 7;

/**
 * Finds out how the kernel of a VM crashed without ending the VM: after an oops, the kernel kills the process that
 * was running, and continues.
 * @param consoleLog path of the VM's console log
 * @returns the title of the kernel report; undefined: the kernel did not crash
 */
export async function findOops(
  { events }: Pick<VmRecord, 'events'>,
  consoleLog: string,
): Promise<string | undefined> {
  const taint = events.findLast((event) => event.event === 'power-off')?.taint;
  if (taint !== undefined && (taint & OOPSED) === 0) return undefined;
  const title = await findCrash(consoleLog);
  return title ?? (taint === undefined ? undefined : 'an oops that the console did not show');
}

/** @returns the title of the first crash in a console log */
async function findCrash(consoleLog: string): Promise<string | undefined> {
  if (!isFile(consoleLog)) return undefined;
  let title: string | undefined;
  const scanner = createSplatScanner({
    onBegin: () => {},
    onFatal: () => {},
    onEnd: (splat) => {
      if (splat.severity === 'fatal') title ??= splat.title;
    },
  });
  const log = createReadStream(consoleLog);
  const onLine = (line: string): void => {
    scanner.push(line);
    if (title !== undefined) log.destroy();
  };
  await readLines(log, onLine, { overlap: MESSAGE_OVERLAP });
  scanner.end();
  return title;
}
