import type { GlobalOptions } from '../cli/context.ts';
import { EXIT } from '../errors.ts';
import { describeForward } from '../machine/forwards.ts';
import { findRunningVms } from '../machine/pick.ts';
import { formatNetworkState, readNetworkState } from '../setup/network-state.ts';
import { formatDuration } from '../ui/format.ts';
import { formatJson } from '../ui/plain-text.ts';
import { type Column, formatTable } from '../ui/table.ts';
import type { Ui } from '../ui/terminal.ts';
import { type LastEnding, listEndings } from '../vm/last-endings.ts';
import type { VmEntry } from '../vm/registry.ts';

export interface PsOptions extends GlobalOptions {
  json?: boolean | undefined;
}

/** How long `rapido ps` reports how a detached VM ended, in milliseconds. */
const ENDINGS_SHOWN_FOR = 24 * 3600 * 1000;

/** `rapido ps` @returns the exit status */
export async function runPs(options: PsOptions, ui: Ui): Promise<number> {
  const { context, vms } = findRunningVms(options, ui);
  if (options.json === true) {
    ui.result(formatJson(vms.map(showVm)));
    return EXIT.ok;
  }
  if (vms.length === 0) ui.note('no VMs are running');
  else for (const line of formatVms(vms, Date.now())) ui.result(line);
  const network = await readNetworkState(context.conf, vms);
  ui.note(`network: ${network === undefined ? 'not set up' : formatNetworkState(network)}`);
  const endings = listEndings(context.directories.state).filter(
    ({ number, ended }) =>
      !vms.some((vm) => vm.number === number) && Date.now() - Date.parse(ended) < ENDINGS_SHOWN_FOR,
  );
  for (const ending of endings) ui.note(describeEnding(ending, Date.now()));
  return EXIT.ok;
}

/** The fields of a VM in --json. */
function showVm(vm: VmEntry) {
  const { number, hostname, cut, kernelRelease, state, since, addresses, forwards, consoleLog } =
    vm;
  return {
    number,
    hostname,
    cut,
    kernelRelease,
    state,
    since,
    addresses,
    forwards,
    consoleLog,
    pid: vm.qemu?.pid,
    rapidoPid: vm.owner.pid,
  };
}

/** @param now as returned by Date.now() */
export function formatVms(vms: readonly VmEntry[], now: number): string[] {
  const column = (title: string, cell: (vm: VmEntry) => string): Column => ({
    title,
    cells: vms.map(cell),
  });
  return formatTable([
    column('vm', ({ number }) => String(number)),
    column('cut', ({ cut }) => cut),
    column('kernel', ({ kernelRelease }) => kernelRelease),
    column('pid', ({ qemu }) => String(qemu?.pid ?? '-')),
    column('up', ({ since }) => formatDuration(now - Date.parse(since), { whole: true })),
    column('address', formatAddresses),
    column('state', ({ state }) => state),
  ]);
}

/** Addresses and forwarded ports. */
function formatAddresses({ addresses, forwards }: VmEntry): string {
  return [...addresses, ...forwards.map(describeForward)].join(' ') || '-';
}

function describeEnding(ending: LastEnding, now: number): string {
  const { number, cut, ended, lines, consoleLog } = ending;
  const ago = formatDuration(now - Date.parse(ended), { whole: true });
  return `VM ${number} (${cut}) ended ${ago} ago: ${lines.join('; ')} (${consoleLog})`;
}
