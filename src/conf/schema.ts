import type { ConfKeyTable, SettingOf, ValueOf } from './key.ts';

export type { ConfKeyTable } from './key.ts';

const MIB = 1024 * 1024;

const CUT_WITH_COMMAND = 'Give the command to `rapido cut` with -x or -f instead.';

/** What a VM's network can be. */
export const NETWORK_KINDS = ['tap', 'user', 'none'] as const;

/**
 * Every key of rapido.conf, in the order of the example file. The names are those of the original
 * tool, so that its users' files work; the ones it did not have are KERNEL_FORMAT, VM_ACCEL,
 * VM_CPU, VM_CPUS, VM_MEMORY, VM_NET, CUT_DIR, IMAGE_DIR, CACHE_SIZE, RESULTS_KEEP, RESULTS_HOOK and NVME_TARGET_NQN.
 */
export const CONF_KEYS = {
  KERNEL_SRC: {
    group: 'Kernel',
    type: 'path',
    meaning:
      'A built kernel tree, or its O= build directory. Without it, rapido boots a kernel that is installed on this host.',
    example: '~/linux',
  },
  KERNEL_RELEASE: {
    group: 'Kernel',
    type: 'string',
    meaning:
      'The installed kernel to boot if KERNEL_SRC is not set. By default, the running kernel if its image is in /boot, otherwise the newest kernel in /boot.',
    example: '6.12.9-amd64',
  },
  KERNEL_INSTALL_MOD_PATH: {
    group: 'Kernel',
    type: 'path',
    meaning:
      'The INSTALL_MOD_PATH of `make modules_install`. By default, the directory mods in KERNEL_SRC if it exists, otherwise /lib/modules.',
    example: '${KERNEL_SRC}/mods',
  },
  KERNEL_FORMAT: {
    group: 'Kernel',
    type: 'enum',
    values: ['auto', 'bzImage', 'vmlinux'],
    meaning:
      'The kernel format that QEMU boots (x86). bzImage: the kernel decompresses itself in the guest. vmlinux: rapido decompresses it once on the host, which is faster, but there is no KASLR and the kernel needs CONFIG_PVH. auto: vmlinux if the VM is emulated, because decompression takes seconds there, otherwise bzImage.',
    default: 'auto',
    example: 'vmlinux',
  },

  VM_ACCEL: {
    group: 'Virtual machine',
    type: 'enum',
    values: ['auto', 'kvm', 'tcg'],
    meaning:
      'How QEMU runs the guest. kvm: hardware virtualization. tcg: emulation. auto: KVM if it is usable, otherwise emulation.',
    default: 'auto',
  },
  VM_CPU: {
    group: 'Virtual machine',
    type: 'string',
    meaning: 'CPU model for QEMU -cpu. The default depends on the accelerator.',
    example: 'host',
  },
  VM_CPUS: {
    group: 'Virtual machine',
    type: 'integer',
    minimum: 1,
    meaning: 'Number of virtual CPUs per VM. A cut may request more.',
    default: '2',
    example: '4',
  },
  VM_MEMORY: {
    group: 'Virtual machine',
    type: 'size',
    minimum: 16 * MIB,
    meaning: 'Memory size per VM. A cut may request more.',
    default: '512M',
    example: '2G',
  },
  VM_NET: {
    group: 'Virtual machine',
    type: 'enum',
    values: NETWORK_KINDS,
    meaning:
      "The network of a VM whose cut declares one. tap: on the bridge of `rapido setup-network`. user: QEMU's user-mode network, which does not require root; VMs cannot reach each other. none: no network. --net gives any cut a network.",
    default: 'tap',
  },
  QEMU_EXTRA_ARGS: {
    group: 'Virtual machine',
    type: 'arguments',
    meaning:
      'Additional arguments for QEMU, after all others. With -nographic, the terminal is the serial console of the VM.',
    default: '-nographic -device virtio-rng-pci',
    example: '-nographic -gdb tcp:127.0.0.1:1234',
  },
  QEMU_EXTRA_KERNEL_PARAMS: {
    group: 'Virtual machine',
    type: 'string',
    meaning:
      'Appended to the kernel command line unchanged. The kernel interprets double quotes in it.',
    example: 'loglevel=7 nokaslr',
  },
  VIRTFS_SHARE_PATH: {
    group: 'Virtual machine',
    type: 'path',
    meaning:
      'A directory of this host to share with the VM, which mounts it (9p) at /host. Root in the VM has the rights of the caller there. Before you use it as root, read docs/security.md.',
    example: '/tmp/rapido',
  },

  HOST_LEAVE_OUT: {
    group: 'Virtual machine',
    type: 'words',
    meaning:
      "Top-level directories that are not shared with a VM of the target host (`rapido run -- COMMAND`), or of another cut with root: 'host'. Such a VM never gets /dev, /proc, /run, /sys and /tmp. It gets the working directory, unless that is a home directory.",
    default: '/boot /home /media /mnt /root',
    example: '/boot /home /media /mnt /root /srv',
  },

  CUT_DIR: {
    group: 'Cuts and images',
    type: 'path',
    meaning: 'A directory of your own cuts, in addition to ~/.config/rapido/cuts.',
    example: '~/my-cuts',
  },
  IMAGE_DIR: {
    group: 'Cuts and images',
    type: 'path',
    meaning: 'The directory for images, one image per cut.',
    default: '${XDG_CACHE_HOME}/rapido/images',
  },
  DRACUT_OUT: {
    group: 'Cuts and images',
    type: 'path',
    meaning:
      'A single path for the images of all cuts, as in the original tool: each image replaces the previous one. Without it, IMAGE_DIR contains one image per cut.',
    example: '${RAPIDO_DIR}/initrds/myinitrd',
  },
  DRACUT_EXTRA_ARGS: {
    group: 'Cuts and images',
    type: 'arguments',
    meaning: 'Additional arguments for dracut.',
    example: '--debug --nostrip',
  },
  DRACUT_SRC: {
    group: 'Cuts and images',
    type: 'path',
    meaning: 'A dracut source tree to use (dracut --local) instead of the installed dracut.',
    example: '~/dracut',
  },
  CACHE_SIZE: {
    group: 'Cuts and images',
    type: 'size',
    minimum: 64 * MIB,
    meaning:
      'Upper limit for the size of the cache: layers, unpacked kernels, and images of runs. After a cut, those that were not used for the longest time are removed. Without it, layers are removed if they were not used for two weeks, and all but a few kernels and images of runs.',
    example: '10G',
  },
  RESULTS_KEEP: {
    group: 'Cuts and images',
    type: 'integer',
    minimum: 1,
    meaning:
      'Number of runs whose results `rapido run` keeps; older results are removed. A directory given with --results is never cleaned up.',
    default: '50',
    example: '500',
  },
  RESULTS_HOOK: {
    group: 'Cuts and images',
    type: 'path',
    meaning:
      "A program that `rapido run` calls with the run's results directory when the run has ended, for example to upload it. It prints to stderr. Its failure does not change the verdict.",
    example: '~/bin/upload-results',
  },
  QEMU_PID_DIR: {
    group: 'Cuts and images',
    type: 'path',
    meaning:
      'The directory in which running VMs are registered. All VMs on one bridge must use the same directory, so that each gets its own number. A directory that several users share must be sticky (chmod 1777). By default, a private directory in XDG_RUNTIME_DIR, otherwise in /tmp.',
    example: '${RAPIDO_DIR}/initrds',
  },

  BR_DEV: {
    group: 'Network on the host',
    type: 'interface',
    meaning: 'The bridge that `rapido setup-network` creates.',
    default: 'rapido-br',
  },
  BR_ADDR: {
    group: 'Network on the host',
    type: 'cidrs',
    meaning:
      'Addresses of the host on the bridge (BR_DEV), IPv4 and IPv6, separated by blanks or commas. VMs get addresses from the first network of each kind, unless their sections set others. If set to "", the host has no address on the bridge.',
    default: '192.168.155.1/24',
    example: '192.168.155.1/24, fd00:155::1/64',
    emptyIsOff: true,
  },
  BR_IF: {
    group: 'Network on the host',
    type: 'interface',
    meaning:
      'A physical interface to attach to the bridge, so that other machines can reach the VMs. It loses its addresses and routes; `rapido teardown-network` restores them.',
    example: 'eth1',
  },
  BR_DHCP_SRV_RANGE: {
    group: 'Network on the host',
    type: 'dhcpRange',
    meaning:
      'The range of a DHCP server (dnsmasq) on the bridge: first address, last address, lease time. VMs without ADDRESS then use DHCP. Without it, no DHCP server is started.',
    example: '192.168.155.10,192.168.155.20,12h',
  },
  TAP_USER: {
    group: 'Network on the host',
    type: 'string',
    meaning:
      'The user (name or uid) who may boot VMs on the tap devices. By default, the user who called sudo.',
    example: 'me',
  },
  VM_NET_CONF: {
    group: 'Network on the host',
    type: 'path',
    meaning:
      'A directory that contains a directory vm1, vm2 … for each VM whose network systemd-networkd sets up, with systemd.network(5) files. The init of such a VM is systemd. The files determine the taps, MAC addresses, IP addresses and hostname of the VM. Its section can override the taps, MAC addresses and hostname; an ADDRESS there only changes what /etc/hosts and `rapido ps` show. Without VM_NET_CONF, and for other VMs, the sections [vm1] … determine the network, which is set up faster.',
    example: '${RAPIDO_DIR}/net-conf',
  },

  DYN_DEBUG_MODULES: {
    group: 'Debugging',
    type: 'words',
    meaning: 'Kernel modules whose pr_debug() messages (dynamic debug) are enabled in the VM.',
    example: 'rbd libceph',
  },
  DYN_DEBUG_FILES: {
    group: 'Debugging',
    type: 'words',
    meaning:
      'Source files of built-in kernel code whose pr_debug() messages are enabled in the VM. For modules, use DYN_DEBUG_MODULES.',
    example: 'drivers/block/rbd.c fs/ceph/super.c',
  },

  FSTESTS_SRC: {
    group: 'xfstests (fstests-*)',
    type: 'path',
    meaning: 'A built xfstests tree, https://git.kernel.org/pub/scm/fs/xfs/xfstests-dev.git',
    example: '~/xfstests-dev',
  },
  FSTESTS_ZRAM_SIZE: {
    group: 'xfstests (fstests-*)',
    type: 'size',
    meaning:
      'Size of each zram device for the filesystems under test. The VM gets additional memory for them. With 0, no zram devices are made: give disks with DISKS or --disk, with serial=TEST_DEV and serial=SCRATCH_DEV.',
    default: '1G',
    example: '2G',
  },
  FSTESTS_FSTYP: {
    group: 'xfstests (fstests-*)',
    type: 'enum',
    values: ['xfs', 'ext4', 'btrfs'],
    meaning: 'The filesystem that fstests-local tests. Each filesystem also has its own cut.',
    default: 'xfs',
  },
  FSTESTS_OPTIONS: {
    group: 'xfstests (fstests-*)',
    type: 'words',
    meaning: 'Options for `check`, passed before those of the command line.',
    example: '-x dangerous',
  },
  FSTESTS_EXPUNGE: {
    group: 'xfstests (fstests-*)',
    type: 'path',
    meaning:
      'A list of tests to skip, one per line, with a reason after a #. For example: `generic/019 # hangs here`',
    example: '~/fstests.expunge',
  },
  MKFS_OPTIONS: {
    group: 'xfstests (fstests-*)',
    type: 'string',
    meaning: 'mkfs options for the filesystems of xfstests.',
    example: '-m reflink=0',
  },
  MOUNT_OPTIONS: {
    group: 'xfstests (fstests-*)',
    type: 'string',
    meaning: 'Mount options for the filesystems of xfstests, including -o.',
    example: '-o discard',
  },
  FSTESTS_AUTORUN_CMD: {
    group: 'xfstests (fstests-*)',
    type: 'string',
    meaning: 'A shell command that the VM runs in the xfstests directory after boot.',
    example: './check -g auto; shutdown',
    deprecated: CUT_WITH_COMMAND,
  },
  BTRFS_PROGS_SRC: {
    group: 'xfstests (fstests-*)',
    type: 'path',
    meaning: 'A built btrfs-progs tree to use instead of the installed programs.',
    example: '~/btrfs-progs',
  },
  EXFAT_PROGS_SRC: {
    group: 'xfstests (fstests-*)',
    type: 'path',
    meaning: 'A built exfatprogs tree to use instead of the installed programs.',
    example: '~/exfatprogs',
  },
  BCACHEFS_TOOLS_SRC: {
    group: 'xfstests (fstests-*)',
    type: 'path',
    meaning: 'A built bcachefs-tools tree to use instead of the installed programs.',
    example: '~/bcachefs-tools',
  },
  VIRTIOFS_MOUNT_OPTS: {
    group: 'xfstests (fstests-*)',
    type: 'string',
    meaning: 'Mount options for virtiofs.',
    example: 'dax=inode',
  },

  BLKTESTS_SRC: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'A built blktests tree, https://github.com/osandov/blktests',
    example: '~/blktests',
  },
  BLKTESTS_AUTORUN_CMD: {
    group: 'Other test suites',
    type: 'string',
    meaning: 'A shell command that the VM runs in the blktests directory after boot.',
    example: './check block; shutdown',
    deprecated: CUT_WITH_COMMAND,
  },
  ZONEFSTOOLS_SRC: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'A built zonefs-tools tree, https://github.com/damien-lemoal/zonefs-tools',
    example: '~/zonefs-tools',
  },
  ZONEFSTESTS_AUTORUN_CMD: {
    group: 'Other test suites',
    type: 'string',
    meaning: 'A shell command that the VM runs in the directory of the zonefs tests after boot.',
    example: './zonefs-tests.sh /dev/nullb0; shutdown',
    deprecated: CUT_WITH_COMMAND,
  },
  LTP_DIR: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'An installed LTP, the Linux Test Project.',
    default: '/opt/ltp',
  },
  LTP_AUTORUN_CMD: {
    group: 'Other test suites',
    type: 'string',
    meaning: 'A shell command that the VM runs in LTP_DIR after boot.',
    example: './runltp -f math',
    deprecated: CUT_WITH_COMMAND,
  },
  KSELFTEST_DIR: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'The directory where `make kselftest-install` put the tests.',
    default: '${KERNEL_SRC}/tools/testing/selftests/kselftest_install',
    example: '~/kselftest',
  },
  UNIONMOUNT_TESTSUITE_SRC: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'A unionmount-testsuite tree, https://github.com/amir73il/unionmount-testsuite',
    example: '~/unionmount-testsuite',
  },
  LIBURING_SRC: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'A built liburing tree, https://github.com/axboe/liburing',
    example: '~/liburing',
  },
  UBLKSRV_SRC: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'A built ublksrv tree, https://github.com/ublk-org/ublksrv',
    example: '~/ublksrv',
  },
  LKL_SRC: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'A built Linux Kernel Library tree, https://github.com/lkl/linux',
    example: '~/lkl',
  },
  SYS_PARAM_CHECK_SRC: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'A sys-param-check tree, https://github.com/openSUSE/sys-param-check',
    example: '~/sys-param-check',
  },

  CIFS_SERVER: {
    group: 'SMB: cifs.ko, Samba, ksmbd',
    type: 'string',
    meaning:
      'Name or address of the SMB server that clients mount from. rapido-server is VM 1, or the first server of `rapido run --with`.',
    default: 'rapido-server',
    example: '192.168.155.11',
  },
  CIFS_SHARE: {
    group: 'SMB: cifs.ko, Samba, ksmbd',
    type: 'string',
    meaning: 'Name of the share, for servers and clients.',
    default: 'scratch',
    example: 'scratch',
  },
  CIFS_MOUNT_OPTS: {
    group: 'SMB: cifs.ko, Samba, ksmbd',
    type: 'string',
    meaning: 'Additional mount options for cifs.ko.',
    example: 'vers=3.1.1',
  },
  CIFS_DOMAIN: {
    group: 'SMB: cifs.ko, Samba, ksmbd',
    type: 'string',
    meaning: 'Domain or workgroup of the user.',
    example: 'EXAMPLE',
  },
  CIFS_USER: {
    group: 'SMB: cifs.ko, Samba, ksmbd',
    type: 'string',
    meaning: 'User name, for servers and clients.',
    default: 'rapido',
    example: 'me',
  },
  CIFS_PW: {
    group: 'SMB: cifs.ko, Samba, ksmbd',
    type: 'string',
    secret: true,
    meaning: 'The password of CIFS_USER. Only images whose cuts declare this key contain it.',
    example: 'a password',
  },
  SAMBA_SRC: {
    group: 'SMB: cifs.ko, Samba, ksmbd',
    type: 'path',
    meaning: 'A built Samba tree to use instead of the installed programs.',
    example: '~/samba',
  },
  KSMBD_TOOLS_SRC: {
    group: 'SMB: cifs.ko, Samba, ksmbd',
    type: 'path',
    meaning: 'A built ksmbd-tools tree to use instead of the installed programs.',
    example: '~/ksmbd-tools',
  },

  NFS_SERVER: {
    group: 'NFS and autofs',
    type: 'string',
    meaning:
      'Name or address of the NFS server that clients mount from. rapido-server is VM 1, or the first server of `rapido run --with`.',
    default: 'rapido-server',
    example: '192.168.155.11',
  },
  NFS_SHARE: {
    group: 'NFS and autofs',
    type: 'string',
    meaning:
      'Path of the export, for servers and clients; the leading slash is optional. A server creates that directory and mounts its filesystem there.',
    default: '/export',
    example: '/home/scratch',
  },
  NFS_MOUNT_OPTS: {
    group: 'NFS and autofs',
    type: 'string',
    meaning: 'Mount options for NFS.',
    example: 'nfsvers=4.2',
  },
  AUTOFS_SRC: {
    group: 'NFS and autofs',
    type: 'path',
    meaning:
      'A built autofs tree (https://git.kernel.org/pub/scm/linux/storage/autofs/autofs.git/) to use instead of the installed programs.',
    example: '~/autofs',
  },

  TARGET_IQN: {
    group: 'iSCSI and NVMe',
    type: 'string',
    meaning: 'Name of the iSCSI target that a VM exports.',
    default: 'iqn.2003-01.org.linux-iscsi:rapido',
  },
  INITIATOR_IQNS: {
    group: 'iSCSI and NVMe',
    type: 'words',
    meaning:
      'iSCSI initiators that may use the target. The openiscsi cut uses the first as its own name. The default is the two initiators of the libiscsi test tool.',
    default:
      'iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test-2',
  },
  INITIATOR_DISCOVERY_ADDR: {
    group: 'iSCSI and NVMe',
    type: 'string',
    meaning: 'Name or address of the server on which the openiscsi cut discovers targets.',
    default: 'rapido-server',
    example: '192.168.155.11',
  },
  OPENISCSI_SRC: {
    group: 'iSCSI and NVMe',
    type: 'path',
    meaning: 'A built open-iscsi tree to use instead of the installed programs.',
    example: '~/open-iscsi',
  },
  TCMU_RUNNER_SRC: {
    group: 'iSCSI and NVMe',
    type: 'path',
    meaning: 'A built tcmu-runner tree, https://github.com/open-iscsi/tcmu-runner',
    example: '~/tcmu-runner',
  },
  LRBD_SRC: {
    group: 'iSCSI and NVMe',
    type: 'path',
    meaning: 'An lrbd tree, which sets up iSCSI targets for RBD images.',
    example: '~/lrbd',
  },
  TARGETCLI_SRC: {
    group: 'iSCSI and NVMe',
    type: 'path',
    meaning: 'A targetcli tree, which lrbd uses.',
    example: '~/targetcli-fb',
  },
  RTSLIB_SRC: {
    group: 'iSCSI and NVMe',
    type: 'path',
    meaning: 'An rtslib tree, which targetcli uses.',
    example: '~/rtslib-fb',
  },
  CONFIGSHELL_SRC: {
    group: 'iSCSI and NVMe',
    type: 'path',
    meaning: 'A configshell tree, which targetcli uses.',
    example: '~/configshell-fb',
  },
  NVME_TARGET_TCP: {
    group: 'iSCSI and NVMe',
    type: 'string',
    meaning: 'Name or address of the NVMe/TCP target that the nvme-tcp-initiator cut connects to.',
    default: 'rapido-server',
    example: '192.168.155.11',
  },
  NVME_TARGET_NQN: {
    group: 'iSCSI and NVMe',
    type: 'string',
    meaning: 'Name of the NVMe subsystem that a VM exports, and that an initiator connects to.',
    default: 'nqn.2003-01.org.linux-nvme:rapido',
  },

  CEPH_SRC: {
    group: 'Ceph',
    type: 'path',
    meaning:
      'A built Ceph tree with a cluster that vstart.sh started. Without it, the configuration, keyring and programs of this host are used.',
    example: '~/ceph',
  },
  CEPH_USER: {
    group: 'Ceph',
    type: 'string',
    meaning: 'Ceph user. Its secret is read from the keyring.',
    default: 'admin',
  },
  CEPH_MON_NAME: {
    group: 'Ceph',
    type: 'string',
    meaning:
      'The monitor whose address is read from ceph.conf. The default is the first monitor of vstart.sh.',
    default: 'a',
  },
  CEPH_RBD_POOL: {
    group: 'Ceph',
    type: 'string',
    meaning: 'Pool of the RBD image.',
    default: 'rbd',
  },
  CEPH_RBD_IMAGE: {
    group: 'Ceph',
    type: 'string',
    meaning: 'The RBD image that the rbd cuts map or export. It must exist.',
    default: 'rapido_rbd',
  },
  CEPH_RBD_IMAGE_MB: {
    group: 'Ceph',
    type: 'integer',
    minimum: 1,
    unit: 'MiB',
    meaning: 'Size of the RBD image.',
    default: '4096',
  },
  RBD_USB_SRC: {
    group: 'Ceph',
    type: 'path',
    meaning: 'An rbd-usb tree, https://github.com/ddiss/rbd-usb',
    example: '~/rbd-usb',
  },

  SSH_SERVER: {
    group: 'SSH',
    type: 'string',
    meaning: 'Name or address of the server that the ssh-client cut connects to.',
    default: 'rapido-server',
    example: '192.168.155.1',
  },
  SSH_USER: {
    group: 'SSH',
    type: 'string',
    meaning: 'User to log in as on SSH_SERVER.',
    default: 'root',
    example: 'me',
  },
  SSH_IDENTITY: {
    group: 'SSH',
    type: 'path',
    meaning: 'The private key file of the client; the public key is next to it, as FILE.pub.',
    example: '~/.ssh/rapido',
  },
  SSH_KNOWN_HOSTS: {
    group: 'SSH',
    type: 'path',
    meaning:
      'A file of host keys, which is /etc/ssh/ssh_known_hosts in the VM: the server must have one of these keys. Without it, the client accepts the first key that the server presents.',
    example: '~/.ssh/known_hosts',
  },
  SSH_AUTHORIZED_KEY: {
    group: 'SSH',
    type: 'publicKeys',
    meaning:
      'Who may log in to the dropbear cut: a public key, or the path of a file of public keys (*.pub, authorized_keys). By default, the public key next to SSH_IDENTITY.',
    default: '${SSH_IDENTITY}.pub',
    example: '~/.ssh/id_ed25519.pub',
  },
} as const satisfies ConfKeyTable;

/** The keys of a section `[vmN]`: what VM number N has of its own. None is needed. */
export const VM_KEYS = {
  NET: {
    type: 'enum',
    values: NETWORK_KINDS,
    meaning: "The VM's network: tap, user or none. Overrides VM_NET.",
    example: 'tap',
  },
  ADDRESS: {
    type: 'addresses',
    meaning:
      'IPv4 or IPv6 addresses with prefix lengths, or dhcp, separated by blanks or commas. An address for a tap other than the first ends with @TAP: 10.0.0.11/24@lan1. By default, dhcp if BR_DHCP_SRV_RANGE is set, otherwise the addresses in the networks of BR_ADDR whose last part is the VM number plus 10: 192.168.155.11 for VM 1.',
    example: '192.168.155.11/24',
  },
  GATEWAY: {
    type: 'ips',
    meaning:
      'Default gateway, one for IPv4 and one for IPv6. By default, none, unless DHCP provides one.',
    example: '192.168.155.1',
  },
  DNS: {
    type: 'ips',
    meaning: 'Name servers. By default, none, unless DHCP provides them.',
    example: '192.168.155.1',
  },
  MAC: {
    type: 'macs',
    meaning:
      'MAC addresses of the network cards. An address for a tap other than the first ends with @TAP. By default, derived from the machine-id of this host and the VM number, so that they do not change.',
    example: 'b8:ac:24:45:c5:01',
  },
  HOSTNAME: {
    type: 'hostname',
    meaning: 'Hostname of the VM, known to the other VMs. By default, rapido1 for VM 1, and so on.',
    example: 'server',
  },
  TAP: {
    type: 'interfaces',
    meaning:
      'Tap devices on this host, one for each network card of the VM, separated by blanks or commas. By default, rapido-tap1 for VM 1, and so on.',
    example: 'rapido-tap1, lan1',
  },
  FORWARD: {
    type: 'forwards',
    meaning:
      'With NET=user: ports of 127.0.0.1 on this host to forward to ports of the VM, as HOST:GUEST, or HOST:GUEST/udp for UDP.',
    example: '2222:22, 8080:80',
  },
  CPUS: {
    type: 'integer',
    minimum: 1,
    meaning: 'Number of virtual CPUs. Overrides VM_CPUS.',
    example: '4',
  },
  MEMORY: {
    type: 'size',
    minimum: 16 * MIB,
    meaning: 'Memory size. Overrides VM_MEMORY.',
    example: '2G',
  },
  DISKS: {
    type: 'string',
    meaning:
      'Disks of the VM, separated by a comma and a blank. A disk is an image file, a block device, or size:10G for an empty disk that is removed when the VM ends. Options follow: serial=NAME, readonly, format=qcow2, cache=none, discard, bus=nvme.',
    example: 'test.qcow2,serial=TEST_DEV, size:10G,serial=SCRATCH_DEV',
  },
} as const satisfies ConfKeyTable;

export type ConfKeyName = keyof typeof CONF_KEYS;

/** The type of `conf.get(Name)`. */
export type Setting<Name extends ConfKeyName> = SettingOf<
  (typeof CONF_KEYS)[Name],
  typeof CONF_KEYS
>;

/** What a section `[vmN]` sets. */
export type VmSettings = {
  readonly [Name in keyof typeof VM_KEYS]?: ValueOf<(typeof VM_KEYS)[Name]>;
};
