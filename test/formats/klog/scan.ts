import { createSplatScanner, type ScannerOptions } from '../../../src/formats/klog/scanner.ts';
import type { Splat, SplatHead } from '../../../src/formats/klog/splat.ts';

export interface Reported {
  begun: SplatHead[];
  fatal: SplatHead[];
  splats: Splat[];
}

/** Everything that a listener receives for these console lines. */
export function scanConsole(lines: readonly string[], options: ScannerOptions = {}): Reported {
  const reported: Reported = { begun: [], fatal: [], splats: [] };
  const scanner = createSplatScanner(
    {
      onBegin: (head) => reported.begun.push(head),
      onFatal: (head) => reported.fatal.push(head),
      onEnd: (splat) => reported.splats.push(splat),
    },
    options,
  );
  for (const line of lines) scanner.push(line);
  scanner.end();
  return reported;
}

/** Kernel lines: each text behind a timestamp, a millisecond after the one before. */
export function stamped(texts: readonly string[], start = 10, caller?: string): string[] {
  const from = caller === undefined ? '' : `[${caller.padStart(6)}]`;
  return texts.map((text, index) => {
    const time = (start + index / 1000).toFixed(6).padStart(12);
    return `[${time}]${from} ${text}`;
  });
}

/** `SEVERITY KIND: TITLE` of each splat. */
export function verdicts(splats: readonly SplatHead[]): string[] {
  return splats.map(({ severity, kind, title }) => `${severity} ${kind}: ${title}`);
}
