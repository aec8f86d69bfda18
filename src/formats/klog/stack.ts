/** A function in a stack trace, or at the program counter. */
export interface Frame {
  /** Its name in the source. */
  name: string;
  /** False for an address that was found on the stack but may not be a caller (`? foo+0x1/0x2`). */
  isSure: boolean;
  /** Whether it is a program counter: where the report occurred, or where an interrupt or exception did. */
  isCounter: boolean;
}

/** The stacks of a report. */
export interface Stack {
  /** The program counter that is printed before the first trace. */
  counters: Frame[];
  /** The first trace, innermost function first. */
  trace: Frame[];
  /** What follows: traces of a panic or of other CPUs. */
  rest: Frame[];
}

const SYMBOL = String.raw`([A-Za-z_.$][\w.$]*)\+0x[0-9a-f]+\/0x[0-9a-f]+`;

const SYMBOL_ANYWHERE = new RegExp(SYMBOL);

/**
 * A frame of a stack trace, with the prefixes of some architectures and old kernels: `<IRQ>`, addresses in
 * brackets, and `? ` for an address that was found on the stack but may not be a caller. 32-bit ARM prints
 * `foo from bar+0x10/0x20`.
 */
const FRAME = new RegExp(
  String.raw`^[\s(]*(?:<\/?[A-Z#]+>\s+)?(?:\[<?[0-9a-f]{8,16}>?\][\s(]*)*(\? )?\s*(?:${SYMBOL}|\(?([A-Za-z_][\w.]*)(?:\+0x[0-9a-f/x]+)?(?: \[\w+\])?\)? from )`,
);

/** The line with the program counter in kernel code, on x86, arm, arm64, riscv, ppc and s390. */
const PROGRAM_COUNTER = new RegExp(
  String.raw`^(?:RIP:? *(?:[0-9a-f]{4}:)?|EIP: (?:[0-9a-f]{4}:)?|EIP is at |PC is at |pc : |epc *: |NIP |Krnl PSW : [0-9a-f ]+\()(?:\s*\[<?[0-9a-f]+>?\])*\s*${SYMBOL}`,
);

const TRACE_BEGIN = /^\s*(?:Call [Tt]race|[Bb]acktrace)\b.*:/;
/** What follows is the stack of another event, such as the allocation of the object, or of another CPU. */
const OTHER_STACK =
  /^(?:Allocated by|Freed by|Last potentially|Uninit was|Local variable|Showing all locks|NMI backtrace|Kernel panic)/;

/**
 * Finds the stacks of a report. Without a line that announces a trace, program counter and trace are searched
 * for in the whole report.
 * @param lines of one report, without timestamps
 */
export function stackOf(lines: readonly string[]): Stack {
  const begin = lines.findIndex((line) => TRACE_BEGIN.test(line));
  const before = begin < 0 ? lines : lines.slice(0, begin);
  const behind = lines.slice(begin + 1);
  const isEnd = (line: string): boolean =>
    OTHER_STACK.test(line) || (begin >= 0 && TRACE_BEGIN.test(line));
  const end = behind.findIndex(isEnd);
  return {
    counters: before.flatMap(counterOf),
    trace: behind.slice(0, end < 0 ? behind.length : end).flatMap(frameOf),
    rest: end < 0 ? [] : behind.slice(end).flatMap(frameOf),
  };
}

function frameOf(line: string): Frame[] {
  const [, unsure, symbol, caller] = FRAME.exec(line) ?? [];
  const name = symbol ?? caller;
  if (name === undefined) return counterOf(line);
  return [{ name: bareName(name), isSure: unsure === undefined, isCounter: false }];
}

function counterOf(line: string): Frame[] {
  const name = PROGRAM_COUNTER.exec(line)?.[1];
  return name === undefined ? [] : [{ name: bareName(name), isSure: true, isCounter: true }];
}

/** Whether a line contains a frame of a stack trace. */
export function isFrame(line: string): boolean {
  return FRAME.test(line);
}

/** The lines of a stack that is printed in front of the trace, without a line that announces it. */
export function unannouncedStack(lines: readonly string[]): readonly string[] {
  const begin = lines.findIndex((line) => FRAME.test(line));
  const announced = lines.findIndex((line) => TRACE_BEGIN.test(line));
  if (begin < 0 || (announced >= 0 && announced < begin)) return [];
  const end = lines.findIndex((line, at) => at > begin && !FRAME.test(line));
  return lines.slice(begin, end < 0 ? lines.length : end);
}

/** The function at a symbol such as `foo.isra.0+0x1/0x2`. */
export function functionAt(text: string): string | undefined {
  const symbol = SYMBOL_ANYWHERE.exec(text)?.[1];
  return symbol === undefined ? undefined : bareName(symbol);
}

/**
 * The name of a function in the source: without suffixes of the compiler (`.isra.0`, `.cold`), the leading
 * dot on ppc64, and with `sys_` for all the wrappers of a system call (`__x64_sys_`, `__se_sys_`, and before
 * Linux 4.17 `SyS_` and `SYSC_`), because the compiler decides which of them is in the stack.
 */
export function bareName(symbol: string): string {
  return symbol
    .replace(/^\./, '')
    .replace(/(?<=.)\..*$/, '')
    .replace(/^__(?:(?:x64|ia32|arm64|s390x?|riscv|powerpc)_|se_|do_)(?=(?:compat_)?sys_)/, '')
    .replace(/^(compat_)?(?:SyS|SYSC)_/, '$1sys_');
}
