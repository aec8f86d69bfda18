import { closeSync, openSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { explainSystemError } from '../errors.ts';

/** The logs of a run. All boots of the run append to them. */
export interface RunLogs {
  console: LogFile;
  stdout: LogFile;
  stderr: LogFile;
  /** Files that are incomplete, with the reason. */
  unwritten: readonly string[];
  /** May be called more than once. */
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
 * Opens a log file. After the first error, which is added to `unwritten`, nothing more is written, so that the log has
 * no gaps.
 */
export function openLogFile(path: string, unwritten: string[]): LogFile {
  let fd: number | undefined;
  const fail = (error: unknown): void => {
    const { message } = explainSystemError(error) as Error;
    unwritten.push(`${basename(path)}: ${message}`);
  };
  /** A network filesystem may report a write error only on close. */
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
