import { join } from 'node:path';
import {
  type ModuleTree,
  planModules,
  readBuiltinTree,
  readModuleTree,
} from '../formats/kmod/modules.ts';
import { selectAvailable } from '../formats/kmod/resolve.ts';
import type { Kernel } from '../host/kernel.ts';
import { requireKeys } from './expand-keys.ts';
import { type KernelOption, optionsOfCut, parseDriver } from './kernel-options.ts';
import type { ImagePlan } from './plan.ts';
import type { ResolvedNetwork } from './resolve-network.ts';
import type { Problem, ResolveRequest } from './resolve-request.ts';
import { ZRAM_COMPRESSORS } from './resolve-zram.ts';
import { hasBuilt, installCommand, warnOfStaleBuild } from './stale-build.ts';
import { mayBootSystemd, SYSTEMD_DRIVERS } from './systemd.ts';

/** Modules that the control channel needs; a kernel without them uses the second serial port. */
const CHANNEL_DRIVERS = ['virtio_pci', 'virtio_console'];

/** With it, the kernel tells QEMU where its vmcoreinfo is, without which drgn and crash do not open a dump. */
const DUMP_DRIVERS = ['qemu_fw_cfg'];

/** Modules for VIRTFS_SHARE_PATH and for the results of a run. */
const SHARE_DRIVERS = ['9pnet_virtio', '9p'];

/** Modules with which a guest mounts directories of the host below an overlay. */
const HOST_DRIVERS = ['virtio_pci', ...SHARE_DRIVERS, 'overlay'];

/** Modules for disks of a VM (`--disk`), by bus. init loads them if the VM has such a disk. */
const DISK_DRIVERS = {
  virtio: ['virtio_pci', 'virtio_blk'],
  nvme: ['nvme'],
} as const;

/** Modules for a network. */
const NETWORK_DRIVERS = ['virtio_pci', 'virtio_net'];

/** Packet sockets are for DHCP clients. Neither module is loaded automatically at boot. */
const PROTOCOL_DRIVERS = ['af_packet', 'ipv6'];

const BUSES = ['virtio', 'nvme'] as const;

export interface ResolvedModules {
  tree: ModuleTree;
  plan: ImagePlan['modules'];
  /** Modules that init loads. */
  load: string[];
  /** The buses on which the VM can have disks. */
  diskBuses: (typeof BUSES)[number][];
  /** Modules that init loads for a disk on each bus. A bus without a driver in the kernel is missing. */
  loadForDisks: Partial<Record<keyof typeof DISK_DRIVERS, string[]>>;
  /** Modules that init loads if the VM has a network. */
  loadForNetwork: string[];
  /** Modules that init loads for directories of the host (`--share`); none if the kernel has no 9p. */
  loadForShares: string[];
  canShare: boolean;
  channel: ImagePlan['image']['channel'];
  sharesDirectory: boolean;
  sharesResults: boolean;
  /** Options that the cut requires of the kernel. */
  options: KernelOption[];
  leftOut: string[];
  warnings: string[];
  notes: string[];
}

/** Selects the kernel modules of a cut, and those that init needs to communicate with rapido. */
export function resolveModules(
  request: ResolveRequest,
  { network, zram }: { network: ResolvedNetwork; zram: Readonly<Record<string, number>> },
  problems: Problem[],
): ResolvedModules {
  const { cut, conf, kernel, extras } = request;
  const tree =
    kernel.modules === undefined
      ? readBuiltinTree(kernel.buildTree ?? '/', kernel.release)
      : readModuleTree(kernel.modules);
  const available = (names: readonly string[]): string[] => selectAvailable(tree.index, names);
  const hasAll = (names: readonly string[]): boolean => available(names).length === names.length;

  const share = conf.get('VIRTFS_SHARE_PATH') !== undefined;
  if (share && !hasAll(SHARE_DRIVERS)) {
    problems.push({
      dependsOn: 'kernel',
      message: `VIRTFS_SHARE_PATH is set, but kernel ${kernel.release} has no 9p over virtio (CONFIG_9P_FS, CONFIG_NET_9P_VIRTIO)`,
    });
  }
  const channel = hasAll(CHANNEL_DRIVERS) ? 'virtio' : 'serial';
  const sharesResults = request.run !== undefined && hasAll(SHARE_DRIVERS);
  const qemuArguments = [...conf.get('QEMU_EXTRA_ARGS'), ...extras.qemuArguments];
  const wantsRandom = qemuArguments.some((word) => word.startsWith('virtio-rng'));
  const own = [
    ...(channel === 'virtio' ? CHANNEL_DRIVERS : []),
    ...((share || sharesResults) && hasAll(SHARE_DRIVERS) ? ['virtio_pci', ...SHARE_DRIVERS] : []),
    ...available(DUMP_DRIVERS),
    ...(wantsRandom ? available(['virtio_rng']) : []),
  ];
  const hasZram = Object.keys(zram).length > 0;
  const optional = cut.cut.optionalDrivers ?? [];
  const forHost = cut.cut.root === 'host' ? HOST_DRIVERS : [];
  const required = [...forHost, ...(cut.cut.drivers ?? [])].flatMap((driver) => {
    const expanded = requireKeys(driver, 'drivers', conf, problems);
    return expanded === undefined ? [] : [expanded];
  });
  const wanted = [
    ...required.map((driver) => parseDriver(driver).name),
    ...extras.drivers,
    ...(hasZram ? ['zram'] : []),
  ];
  const buses = BUSES.filter((bus) => hasAll(DISK_DRIVERS[bus]));
  const canShare = hasAll(SHARE_DRIVERS);
  const forShares = canShare ? available(['virtio_pci', ...SHARE_DRIVERS]) : [];
  const forDisks = buses.flatMap((bus) => DISK_DRIVERS[bus]);
  const forNetwork = network.wanted ? [...NETWORK_DRIVERS, ...available(PROTOCOL_DRIVERS)] : [];
  const plan = planModules(
    tree,
    [
      ...new Set([
        ...own,
        ...forDisks,
        ...forShares,
        ...forNetwork,
        ...wanted,
        ...available(optional),
        ...(hasZram ? available(ZRAM_COMPRESSORS) : []),
        ...(mayBootSystemd(cut.cut.init, network.netConf) ? available(SYSTEMD_DRIVERS) : []),
        ...available(netdevAliases(network)),
      ]),
    ],
    kernel.buildTree,
  );
  for (const { name, suggestion } of plan.missing) {
    const meant = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
    const option = [...required, name]
      .map(parseDriver)
      .find((driver) => driver.name === name)?.option;
    const named = option === undefined ? name : `${name}, ${option}`;
    problems.push({
      dependsOn: 'kernel',
      message: hasBuilt(kernel, name)
        ? `module ${named} is built in ${kernel.buildTree}, but not installed: ${installCommand(kernel)}`
        : `kernel ${kernel.release} has no module ${named} (not enabled in the config, or not installed)${meant}`,
    });
  }
  const loadable = (names: readonly string[]): string[] =>
    names.filter((name) => !plan.builtin.includes(name));
  return {
    tree,
    plan,
    load: loadable([...new Set([...own, ...forHost])]),
    diskBuses: buses,
    loadForDisks: Object.fromEntries(buses.map((bus) => [bus, loadable(DISK_DRIVERS[bus])])),
    loadForNetwork: loadable(forNetwork),
    loadForShares: loadable(forShares),
    canShare,
    channel,
    sharesDirectory: share,
    sharesResults,
    options: optionsOfCut(cut.cut, hasZram ? ['zram', ...required] : required),
    leftOut: optional.filter((name) => !available([name]).includes(name)),
    notes: noteForeignModules(kernel),
    warnings: warnOfStaleBuild(
      kernel,
      plan.modules.map(({ source }) => join(plan.directory, source)),
    ),
  };
}

/** Aliases of the modules that the kernel loads for virtual interfaces of systemd-networkd. */
function netdevAliases({ netConf }: ResolvedNetwork): string[] {
  const kinds = [...netConf.values()].flatMap((files) => files.kinds);
  return kinds.map((kind) => (kind === 'tap' ? 'tun' : `rtnl-link-${kind}`));
}

/** Notes that the modules are not from KERNEL_SRC/mods. If they were not installed from that tree, the test uses the wrong ones. */
function noteForeignModules({ hasForeignModules, modules, buildTree }: Kernel): string[] {
  if (hasForeignModules !== true) return [];
  return [`using the modules in ${modules}, because ${buildTree}/mods has none`];
}
