import type { ModulesPlan } from '../formats/kmod/modules.ts';
import type { DhcpClient } from '../net/dhcp-client.ts';
import type { DirectoryLinks } from './guest-path.ts';
import type { OverlayEntry } from './overlay-entry.ts';
import type { PlannedUserspace } from './userspace-layer.ts';
import type { PlannedTree } from './walked-tree.ts';

/** Everything that an image will be made of: plain data, printed by `--dry-run`. */
export interface ImagePlan {
  version: 1;
  /** Where the image goes. */
  output: string;
  /** What `rapido boot` needs to know of it. */
  image: ImageInfo;
  /** Links that the guest's directory tree has: entries go to where they lead. */
  links: DirectoryLinks;
  userspace: PlannedUserspace;
  /** Of a kernel without modules, only what modprobe is to know of it. */
  modules: ModulesPlan;
  trees: PlannedTree[];
  overlay: OverlayEntry[];
  /** The scripts that run in the guest: host path to SHA-256. */
  scripts: Readonly<Record<string, string>>;
}

/** What an image says of itself, in its first member; see `image-header.ts`. */
export interface ImageInfo {
  cut: string;
  /** Path of the conf file that it was cut with. */
  conf: string | undefined;
  /** Of the kernel that the modules are for. */
  kernelRelease: string;
  /** Virtual CPUs that the cut asks for; undefined: whatever the default is. */
  cpus: number | undefined;
  /** Bytes of memory that the cut asks for, beside its zram devices. */
  memory: number | undefined;
  /** Its zram devices: name to bytes. */
  zram: Readonly<Record<string, number>>;
  /** Whether it wants a network, and so has what that takes. */
  network: boolean;
  /** Its ssh server, with the path of a private key that logs in there; undefined: it has none. */
  sshServer?: { identity?: string | undefined } | undefined;
  /** What gets it an address from a DHCP server; undefined: nothing. */
  dhcpClient?: DhcpClient | undefined;
  /** The VMs whose network its systemd-networkd sets up: number to `digestNetConf` of their files. */
  networkFiles?: Readonly<Record<number, string>>;
  /** How its init reaches rapido beside the console. */
  channel: ChannelKind;
  /** How it can have disks. */
  diskBuses: ('virtio' | 'nvme')[];
  /** Whether it can mount VIRTFS_SHARE_PATH. */
  sharesDirectory: boolean;
  /** Whether it is for `rapido run` and can mount the host's directory for results. */
  sharesResults: boolean;
  /** How many autorun scripts it has. */
  autorun: number;
}

/** A named virtio-serial port, or a second serial port where the kernel has no virtio-serial. */
export type ChannelKind = 'virtio' | 'serial';
