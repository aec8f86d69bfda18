import type { ModulesPlan } from '../formats/kmod/modules.ts';
import type { DhcpClient } from '../net/dhcp-client.ts';
import type { DirectoryLinks } from './guest-path.ts';
import type { KernelOption } from './kernel-options.ts';
import type { OverlayEntry } from './overlay-entry.ts';
import type { PlannedUserspace } from './userspace-layer.ts';
import type { PlannedTree } from './walked-tree.ts';

/** Everything from which an image is made, as plain data. `--dry-run` prints it. */
export interface ImagePlan {
  version: 1;
  /** Path of the image. */
  output: string;
  /** What `rapido boot` needs to know about the image. */
  image: ImageInfo;
  /** Directories that are links in the guest. Entries are written to the target of a link. */
  links: DirectoryLinks;
  userspace: PlannedUserspace;
  /** For a kernel without modules, only the index of built-in modules for modprobe. */
  modules: ModulesPlan;
  trees: PlannedTree[];
  overlay: OverlayEntry[];
  /** The scripts that run in the guest: host path to SHA-256. */
  scripts: Readonly<Record<string, string>>;
}

/** The description of an image in its first member; see `image-header.ts`. */
export interface ImageInfo {
  cut: string;
  /** The options of the command line that added to the cut, as words of a shell; absent: there were none. */
  extras?: string;
  /** Path of the conf file with which it was cut. */
  conf: string | undefined;
  /** The kernel to which the modules belong: its tree or its image, as for `--kernel`. */
  kernel: string;
  /** Its release. */
  kernelRelease: string;
  /** Number of virtual CPUs that the cut requests; undefined for the default. */
  cpus: number | undefined;
  /** Memory that the cut requests in addition to its zram devices, in bytes. */
  memory: number | undefined;
  /** Its zram devices: name to size in bytes. */
  zram: Readonly<Record<string, number>>;
  /** Whether it declares a network and contains what the network needs. */
  network: boolean;
  /** Its ssh server, with the path of a private key for it; undefined if it has no ssh server. */
  sshServer?: { identity?: string | undefined } | undefined;
  /** Its DHCP client; undefined if it has none. */
  dhcpClient?: DhcpClient | undefined;
  /** The VMs whose network its systemd-networkd sets up: number to `digestNetConf` of their files. */
  networkFiles?: Readonly<Record<number, string>>;
  /** The channel between its init and rapido, other than the console. */
  channel: ChannelKind;
  /** The buses on which it can have disks. */
  diskBuses: ('virtio' | 'nvme')[];
  /** Whether it can mount VIRTFS_SHARE_PATH. */
  sharesDirectory: boolean;
  /** Whether it is for `rapido run` and can mount the results directory of the host. */
  sharesResults: boolean;
  /** Options that the cut requires of the kernel, apart from those that every VM needs. */
  kernelOptions: readonly KernelOption[];
  /** Number of its autorun scripts. */
  autorun: number;
}

/** A named virtio-serial port, or a second serial port where the kernel has no virtio-serial. */
export type ChannelKind = 'virtio' | 'serial';
