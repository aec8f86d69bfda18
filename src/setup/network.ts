import { type BaseContext, createContextWithoutCuts, type GlobalOptions } from '../cli/context.ts';
import { EXIT, UsageError, UserError } from '../errors.ts';
import { suggestInstall } from '../host/distribution.ts';
import { readHostId } from '../host/host-id.ts';
import { findProgram, programSearchPath } from '../host/programs.ts';
import { applySteps, describeStep } from '../net/apply.ts';
import { findDhcpServers } from '../net/dhcp-server.ts';
import { type HostState, ownerOf, type TapUser, wantHostNetwork } from '../net/host-network.ts';
import { readLinks } from '../net/links.ts';
import { mustAttachUplink, planSetup } from '../net/plan-setup.ts';
import { planTeardown } from '../net/plan-teardown.ts';
import { applyNetConf } from '../net/read-net-conf.ts';
import type { HostPlan } from '../net/step.ts';
import { readBootId, readRoutes, readUplinkRecord, type Uplink } from '../net/uplink.ts';
import { runTool } from '../sys/exec.ts';
import { withSharedLock } from '../sys/lock.ts';
import { ENDING_SIGNALS, type EndingSignal, signalStatus } from '../sys/signals.ts';
import type { Ui } from '../ui/terminal.ts';
import { findInvoker } from './invoker.ts';

export interface NetworkOptions extends GlobalOptions {
  dryRun?: boolean | undefined;
}

/** `rapido setup-network` @returns the exit status */
export async function runSetupNetwork(options: NetworkOptions, ui: Ui): Promise<number> {
  const { context, name } = await openNetwork('setup-network', options, ui);
  if (name === undefined) {
    throw new UsageError(
      'cannot determine the owner of the taps: TAP_USER is not set, and rapido was not called with sudo',
      {
        hint: 'run `sudo rapido setup-network` as the user who boots the VMs, or set TAP_USER="root" in rapido.conf',
      },
    );
  }
  const user = await lookUpUser(name);
  const { conf } = applyNetConf(context.conf);
  const wanted = wantHostNetwork(conf, user, readHostId());
  requirePrograms(context, wanted.dhcpServer === undefined ? ['ip'] : ['ip', 'dnsmasq']);
  return carryOut(options, ui, {
    plan: async () => {
      const state = await readState(user);
      const uplink = mustAttachUplink(wanted, state)
        ? await readUplink(state, wanted.uplink)
        : undefined;
      return planSetup(wanted, state, { uplink, bootId: readBootId() });
    },
    nothing: `the network is already set up: ${[wanted.bridge.name, ...wanted.taps].join(', ')}`,
  });
}

/** `rapido teardown-network` @returns the exit status */
export async function runTeardownNetwork(options: NetworkOptions, ui: Ui): Promise<number> {
  const { context, name } = await openNetwork('teardown-network', options, ui);
  requirePrograms(context, ['ip']);
  const user = await lookUpUser(name ?? (await findOwner()));
  return carryOut(options, ui, {
    plan: async () => planTeardown(user, await readState(user)),
    nothing: `there is no bridge or tap of user ${user.name}`,
  });
}

async function openNetwork(
  command: string,
  options: NetworkOptions,
  ui: Ui,
): Promise<{ context: BaseContext; name: string | undefined }> {
  const invoker = await findInvoker(process.env);
  const context = createContextWithoutCuts(options, ui, { ...process.env, HOME: invoker.home });
  if (options.dryRun !== true && process.getuid?.() !== 0) {
    throw new UserError(
      `rapido ${command} requires root, because it creates and removes interfaces`,
      {
        hint: `sudo rapido ${command}`,
      },
    );
  }
  const behindSudo = invoker.uid === 0 ? undefined : String(invoker.uid);
  return { context, name: context.conf.get('TAP_USER') ?? behindSudo };
}

/** Finds the owner of the network to remove if TAP_USER is not set: the only user who has one, or root. */
async function findOwner(): Promise<string> {
  const links = await readLinks();
  const owners = [...new Set(links.map(ownerOf).filter((uid) => uid !== undefined))];
  if (owners.length > 1) {
    throw new UsageError(`more than one user has a network: ${owners.join(', ')}`, {
      hint: `TAP_USER=${owners[0]} rapido teardown-network`,
    });
  }
  return String(owners[0] ?? 0);
}

/** @param name user name or UID @throws UsageError */
async function lookUpUser(name: string): Promise<TapUser> {
  const entry = await readPasswd(name);
  const [canonical = '', , uid = ''] = entry.split(':');
  return { uid: Number(uid), name: canonical };
}

async function readPasswd(name: string): Promise<string> {
  try {
    return await runTool(['getent', 'passwd', name], {
      purpose: 'looking up TAP_USER',
      returns: 'stdout',
    });
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    throw new UsageError(`TAP_USER: user ${name} does not exist`, { cause });
  }
}

function requirePrograms({ env }: BaseContext, names: readonly string[]): void {
  const missing = names.filter(
    (name) => findProgram(name, programSearchPath(env.PATH)) === undefined,
  );
  if (missing.length === 0) return;
  const install = suggestInstall(missing);
  throw new UserError(`this host has no program ${missing.join(' and no program ')}`, {
    ...(install !== undefined && { hint: install }),
  });
}

async function readState({ uid }: TapUser): Promise<HostState> {
  return {
    links: await readLinks(),
    dhcpServers: findDhcpServers(),
    record: readUplinkRecord(uid),
  };
}

async function readUplink(
  { links }: HostState,
  name: string | undefined,
): Promise<Uplink | undefined> {
  const link = links.find((other) => other.name === name);
  return link === undefined ? undefined : { link, routes: await readRoutes(link.name) };
}

/** The network namespace itself is locked, so no lock file is left behind. */
const NETWORK_LOCK = '/proc/self/ns/net';

/** How long to wait for another rapido that changes the network, in seconds. */
const LOCK_TIMEOUT = 60;

interface Work {
  plan: () => Promise<HostPlan>;
  /** Printed if there is nothing to do. */
  nothing: string;
}

/** Plans the steps and applies them under a lock. @returns the exit status */
async function carryOut(options: NetworkOptions, ui: Ui, { plan, nothing }: Work): Promise<number> {
  if (options.dryRun === true) {
    const { steps, notes } = await plan();
    for (const note of notes) ui.note(note);
    for (const step of steps) ui.result(describeStep(step));
    if (steps.length === 0) ui.note(nothing);
    return EXIT.ok;
  }
  return withSharedLock(NETWORK_LOCK, LOCK_TIMEOUT, async () => {
    const { steps, changes, notes } = await plan();
    for (const note of notes) ui.note(note);
    if (options.debug === true) for (const step of steps) ui.note(describeStep(step));
    const interruptedBy = await untilSignal((isInterrupted) => applySteps(steps, isInterrupted));
    if (interruptedBy !== undefined) {
      ui.note(`interrupted by ${interruptedBy}; all changes were undone`);
      return signalStatus(interruptedBy);
    }
    for (const change of changes) ui.note(change);
    if (steps.length === 0) ui.note(nothing);
    return EXIT.ok;
  });
}

/** @returns the signal that interrupted `work`; undefined if `work` completed */
async function untilSignal(
  work: (isInterrupted: () => boolean) => Promise<boolean>,
): Promise<EndingSignal | undefined> {
  let signal: EndingSignal | undefined;
  const listener = (name: NodeJS.Signals): void => {
    signal = name as EndingSignal;
  };
  for (const name of ENDING_SIGNALS) process.on(name, listener);
  try {
    const isDone = await work(() => signal !== undefined);
    return isDone ? undefined : signal;
  } finally {
    for (const name of ENDING_SIGNALS) process.off(name, listener);
  }
}
