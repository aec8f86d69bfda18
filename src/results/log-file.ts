import { closeSync, openSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { explainSystemError } from '../errors.ts';

/** What comes out of the VMs of a run, as it comes: that of one after that of the other. */
export interface RunLogs {
  console: LogFile;
  stdout: LogFile;
  stderr: LogFile;
  /** Files that are incomplete, with the reason. */
  unwritten: readonly string[];
  /** A second time it does nothing more. */
  close: () => void;
}

export function openRunLogs(paths: Record<'console' | 'stdout' | 'stderr', string>): RunLogs {
  const unwritten: string[] = [];
  const logs = {
    console: openLogFile(paths.console, unwritten),
    stdout: openLogFile(paths.stdout, unwritten),
    stderr: openLogFile(paths.stderr, unwritten),
  };
  return {
    ...logs,
    unwritten,
    close: () => {
      for (const log of Object.values(logs)) log.close();
    },
  };
}

export interface LogFile {
  write: (chunk: Buffer) => void;
  close: () => void;
}

/**
 * Opens a file that takes what it can. After the first failure, which is added to `unwritten`, nothing
 * more is written: no gaps.
 */
export function openLogFile(path: string, unwritten: string[]): LogFile {
  let fd: number | undefined;
  const fail = (error: unknown): void => {
    const { message } = explainSystemError(error) as Error;
    unwritten.push(`${basename(path)}: ${message}`);
  };
  /** A network file system may refuse only now what it seemed to take. */
  const close = (): void => {
    const open = fd;
    fd = undefined;
    try {
      if (open !== undefined) closeSync(open);
    } catch (error) {
      fail(error);
    }
  };
  const attempt = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      fail(error);
      close();
    }
  };
  attempt(() => {
    fd = openSync(path, 'wx', 0o600);
  });
  return {
    write: (chunk) => {
      attempt(() => {
        for (let done = 0; fd !== undefined && done < chunk.length; ) {
          done += writeSync(fd, chunk, done);
        }
      });
    },
    close,
  };
}
