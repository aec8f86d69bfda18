import { readFileSync } from 'node:fs';
import { findCutFile, type LoadedCut } from '../cut/load.ts';
import { describeReadError, UsageError } from '../errors.ts';
import { type ExpectedSplat, parseExpectedSplats } from '../formats/klog/expected.ts';
import type { Directories } from '../host/directories.ts';

/** Reads the list of `--expected`. @param path absolute @throws UsageError */
export function readExpected(path: string): ExpectedSplat[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError(`--expected: ${describeReadError(path, cause)}`, { cause });
  }
  return parseExpectedSplats(text, path);
}

/** Reads the lists that a cut names. */
export function readExpectedOf(cut: LoadedCut, directories: Directories): ExpectedSplat[] {
  return (cut.cut.test?.expected ?? []).flatMap((name) => {
    const path = findCutFile('expected', name, cut, directories);
    return parseExpectedSplats(readFileSync(path, 'utf8'), path);
  });
}
