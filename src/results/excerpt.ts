import type { BlockedTask } from '../formats/klog/blocked-tasks.ts';
import { toPlainText } from '../ui/plain-text.ts';
import type { RunSplat } from './run-result.ts';

/** The prefix of a line of the kernel log: level, timestamp and caller. */
const STAMP = /^(?:<\d+>)?(?:\[ *\d+\.\d{6}\](?: ?\[ *[TC]\d+\])? ?)?/;

/**
 * The lines of a report that take the most space and help the least: registers other than the program counter, bytes
 * of code, page tables, lists of modules; of x86, arm64, arm, riscv, powerpc and s390.
 */
const NOISE = new RegExp(
  [
    String.raw`R(?!IP: 0010)[A-Z0-9]{2}: |RSP: |EAX: |ESI: |EIP: 0073|EFLAGS: |[FC]S: |CR\d: |DR\d: |PKRU: |PGD |pgd = |\[[0-9a-f]{8}\] \*p|\*pde? = `,
    String.raw`x\d+ ?: |sp : |pstate: |pc : \[<|r\d+ ?: |xPSR: |Flags: |Control: |Process .* \(pid: |Stack: \(|[0-9a-f]{4}: [0-9a-f]{8} `,
    String.raw`Register r\d+ information|user pgtable: |swapper pgtable: |\[[0-9a-f]{16}\] (?:pgd|address)|Mem abort info|Data abort info|  (?:ESR|EC|SET|EA|FSC|ISV|CM|WnR|GCS) = `,
    String.raw` ?(?:gp|tp|t\d|s\d+|a\d) ?: |epc : [0-9a-f]{8,16} |status: [0-9a-f]|GPR\d\d: |MSR: |CFAR: |XER: |REGS: |CR: [0-9a-f]|IRQMASK: `,
    String.raw`Krnl (?:GPRS|Code): |Last Breaking-Event|       \S*[0-9a-f]{16} [0-9a-f]{16}`,
    String.raw`Code: |Modules linked in|Unloaded tainted modules|Hardware name: |Kernel Offset: |note: .* exited with |---\[ cut here|-{6,}\[ cut here`,
    String.raw`Dumping ftrace buffer:|   \(ftrace buffer empty\)|"echo 0 > \/proc\/sys\/kernel\/hung_task| *<\/?TASK>$`,
  ]
    .map((words) => `(?:${words})`)
    .join('|')
    .replace(/^/, '^(?:')
    .replace(/$/, ')'),
);

/** A frame with `?`: an address found on the stack that the unwinder could not confirm. */
const DOUBTFUL = /^\s*(?:<[A-Z#]+>\s*)?(?:\[<?[0-9a-f]{8,16}>?\]\s*)?\(?\? /;

/** After this line, the registers are repeated. */
const END = /^---\[ end trace /;

/** Messages about clocks and processors that every boot on an emulated machine prints, with any kernel. */
const EMULATED = new RegExp(
  [
    'mtrr: your CPUs had inconsistent|mtrr: probably your BIOS|mtrr: corrected configuration',
    'tsc: |TSC |clocksource: |sched_clock: Marking unstable|hpet: Lost \\d+ RTC interrupts',
    'APIC calibration not consistent with PM-Timer|amd_pstate: the _CPC object is not present',
    'ACPI: IRQ \\d+ override to edge|\\.\\.MP-BIOS bug: 8254 timer not connected',
    'Unstable clock detected, switching default tracing clock',
    'If you want to keep using the local clock, then add:|\\s*"trace_clock=local"$|on the kernel command line$',
  ]
    .join('|')
    .replace(/^/, '^(?:')
    .replace(/$/, ')'),
);

function textOf(line: string): string {
  return line.replace(STAMP, '');
}

/** Removes empty lines and the usual messages of emulated boots from the lines of a console. */
export function informativeLines(lines: readonly string[]): string[] {
  return lines.map(toPlainText).filter((line) => line !== '' && !EMULATED.test(textOf(line)));
}

/** How many lines of a report are shown: the rest is in the files. */
const MAX_LINES = 24;

/**
 * The most useful lines of a kernel report, without control characters: the first lines, the program counter, and the
 * functions of the stack trace.
 */
export function excerptOf(splat: Pick<RunSplat, 'text' | 'decoded'>): string[] {
  return firstOf(essenceOf(splat), MAX_LINES);
}

/** The first lines of a list, and how many more there are. */
export function firstOf(lines: readonly string[], most: number): string[] {
  if (lines.length <= most) return [...lines];
  return [...lines.slice(0, most), `  … and ${lines.length - most} more`];
}

function essenceOf({ text, decoded }: Pick<RunSplat, 'text' | 'decoded'>): string[] {
  const all = informativeLines((decoded ?? text).split('\n'));
  const end = all.findIndex((line) => END.test(textOf(line)));
  const rest = end < 0 ? [] : all.slice(end + 1).filter((line) => /Kernel panic/.test(line));
  const lines = [...(end < 0 ? all : all.slice(0, end)), ...rest].filter(
    (line) => !NOISE.test(textOf(line)),
  );
  const sure = lines.filter((line) => !DOUBTFUL.test(textOf(line)));
  return sure.some((line) => FRAME.test(textOf(line))) ? sure : lines;
}

const FRAME = /^\s+\S|^\s*\[<[0-9a-f]+>\]/;

/** `NAME (PID NUMBER) in FUNCTION` */
export function describeBlockedTask({ name, pid, function: place }: BlockedTask): string {
  return toPlainText(`${name} (PID ${pid})${place === undefined ? '' : ` in ${place}`}`);
}
