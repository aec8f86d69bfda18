import type { ConfKeyTable, SettingOf, ValueOf } from './key.ts';

export type { ConfKeyTable } from './key.ts';

const MIB = 1024 * 1024;

const CUT_WITH_COMMAND = 'Give the command to `rapido cut` with -x or -f instead.';

/** What a VM's network can be. */
export const NETWORK_KINDS = ['tap', 'user', 'none'] as const;

/**
 * Every key of rapido.conf, in the order of the example file. The names are those of the original
 * tool, so that its users' files work; the ones it did not have are KERNEL_FORMAT, VM_ACCEL,
 * VM_CPU, VM_CPUS, VM_MEMORY, VM_NET, CUT_DIR, IMAGE_DIR, RESULTS_KEEP and NVME_TARGET_NQN.
 */
export const CONF_KEYS = {
  KERNEL_SRC: {
    group: 'Kernel',
    type: 'path',
    meaning:
      'A built kernel tree, or its O= build directory. Without it, a kernel that is installed on this host is booted.',
    example: '~/linux',
  },
  KERNEL_RELEASE: {
    group: 'Kernel',
    type: 'string',
    meaning:
      'Which installed kernel to boot when KERNEL_SRC is not set. Without it: the running one if its image is in /boot, else the newest there.',
    example: '6.12.9-amd64',
  },
  KERNEL_INSTALL_MOD_PATH: {
    group: 'Kernel',
    type: 'path',
    meaning:
      'Where `make modules_install` was told to put the modules (INSTALL_MOD_PATH). Without it: the directory mods of KERNEL_SRC if there is one, else /lib/modules.',
    example: '${KERNEL_SRC}/mods',
  },
  KERNEL_FORMAT: {
    group: 'Kernel',
    type: 'enum',
    values: ['auto', 'bzImage', 'vmlinux'],
    meaning:
      'What QEMU boots (x86): the bzImage, which unpacks itself in the guest, or the vmlinux that rapido unpacks from it once, which is faster, but has no KASLR and needs CONFIG_PVH. auto: vmlinux where the VM is emulated, as unpacking takes seconds there, else bzImage.',
    default: 'auto',
    example: 'vmlinux',
  },

  VM_ACCEL: {
    group: 'Virtual machine',
    type: 'enum',
    values: ['auto', 'kvm', 'tcg'],
    meaning:
      'How QEMU runs the guest: kvm on the CPU itself, tcg by emulation, auto by KVM where it can work and by emulation elsewhere.',
    default: 'auto',
  },
  VM_CPU: {
    group: 'Virtual machine',
    type: 'string',
    meaning: 'CPU model for QEMU -cpu. Without it, one that suits the accelerator.',
    example: 'host',
  },
  VM_CPUS: {
    group: 'Virtual machine',
    type: 'integer',
    minimum: 1,
    meaning: 'Virtual CPUs of a VM. A cut may ask for more.',
    default: '2',
    example: '4',
  },
  VM_MEMORY: {
    group: 'Virtual machine',
    type: 'size',
    minimum: 16 * MIB,
    meaning: 'Memory of a VM. A cut may ask for more.',
    default: '512M',
    example: '2G',
  },
  VM_NET: {
    group: 'Virtual machine',
    type: 'enum',
    values: NETWORK_KINDS,
    meaning:
      "Which network a VM gets where its cut wants one: tap, on the bridge of `rapido setup-network`; user, QEMU's own, which needs no root and in which VMs do not see each other; none. --net asks for one for any cut.",
    default: 'tap',
  },
  QEMU_EXTRA_ARGS: {
    group: 'Virtual machine',
    type: 'arguments',
    meaning:
      'More arguments for QEMU, after all others. With -nographic the terminal is the serial console of the VM.',
    default: '-nographic -device virtio-rng-pci',
    example: '-nographic -gdb tcp:127.0.0.1:1234',
  },
  QEMU_EXTRA_KERNEL_PARAMS: {
    group: 'Virtual machine',
    type: 'string',
    meaning:
      'Added to the kernel command line as it stands. The kernel itself understands double quotes in it.',
    example: 'loglevel=7 nokaslr',
  },
  VIRTFS_SHARE_PATH: {
    group: 'Virtual machine',
    type: 'path',
    meaning:
      'A directory of this host to share with the VM, which mounts it (9p) at /host. Root in the VM can do there whatever the caller can: for root, see docs/security.md.',
    example: '/tmp/rapido',
  },

  CUT_DIR: {
    group: 'Cuts and images',
    type: 'path',
    meaning: 'A directory of your own cuts, beside those in ~/.config/rapido/cuts.',
    example: '~/my-cuts',
  },
  IMAGE_DIR: {
    group: 'Cuts and images',
    type: 'path',
    meaning: 'Where images are written, one for each cut.',
    default: '${XDG_CACHE_HOME}/rapido/images',
  },
  DRACUT_OUT: {
    group: 'Cuts and images',
    type: 'path',
    meaning:
      'One path for the image of every cut, as in the original tool: each cut then replaces the one before. Without it, IMAGE_DIR holds one image for each cut.',
    example: '${RAPIDO_DIR}/initrds/myinitrd',
  },
  DRACUT_EXTRA_ARGS: {
    group: 'Cuts and images',
    type: 'arguments',
    meaning: 'More arguments for dracut.',
    example: '--debug --nostrip',
  },
  DRACUT_SRC: {
    group: 'Cuts and images',
    type: 'path',
    meaning: 'A dracut source tree to use (dracut --local) in place of the installed dracut.',
    example: '~/dracut',
  },
  RESULTS_KEEP: {
    group: 'Cuts and images',
    type: 'integer',
    minimum: 1,
    meaning:
      'How many runs `rapido run` keeps the results of; older ones are removed. A directory that --results names is left alone.',
    default: '50',
    example: '500',
  },
  QEMU_PID_DIR: {
    group: 'Cuts and images',
    type: 'path',
    meaning:
      'Where running VMs are registered. VMs on one bridge must share it, so that each gets its own number; one that several users share must be sticky (chmod 1777). Without it, a directory of your own in XDG_RUNTIME_DIR, else in /tmp.',
    example: '${RAPIDO_DIR}/initrds',
  },

  BR_DEV: {
    group: 'Network on the host',
    type: 'interface',
    meaning: 'The bridge that `rapido setup-network` makes.',
    default: 'rapido-br',
  },
  BR_ADDR: {
    group: 'Network on the host',
    type: 'cidrs',
    meaning:
      'Addresses of the host on that bridge, IPv4 and IPv6, separated by blanks or commas. VMs have theirs from the first network of each kind, unless their sections say otherwise. Set to "", the host has none there.',
    default: '192.168.155.1/24',
    example: '192.168.155.1/24, fd00:155::1/64',
    emptyIsOff: true,
  },
  BR_IF: {
    group: 'Network on the host',
    type: 'interface',
    meaning:
      'A physical interface to attach to the bridge, so that other machines reach the VMs. It loses its own addresses and routes, and gets them back with `rapido teardown-network`.',
    example: 'eth1',
  },
  BR_DHCP_SRV_RANGE: {
    group: 'Network on the host',
    type: 'dhcpRange',
    meaning:
      'Run a DHCP server (dnsmasq) on the bridge with this range: first address, last address, lease time. VMs without ADDRESS then use it.',
    example: '192.168.155.10,192.168.155.20,12h',
  },
  TAP_USER: {
    group: 'Network on the host',
    type: 'string',
    meaning:
      'The user, by name or number, who may boot VMs on the tap devices. Without it, the one who called sudo.',
    example: 'me',
  },
  VM_NET_CONF: {
    group: 'Network on the host',
    type: 'path',
    meaning:
      'A directory with a directory vm1, vm2 … for each VM whose network systemd-networkd is to set up, by the systemd.network(5) files in there; systemd is then its init. They give a VM taps, MACs, addresses and host name, where its section does not. Without it, and for other VMs, sections [vm1] … say it all, and the network is up sooner.',
    example: '${RAPIDO_DIR}/net-conf',
  },

  DYN_DEBUG_MODULES: {
    group: 'Debugging',
    type: 'words',
    meaning: 'Kernel modules whose pr_debug() messages (dynamic debug) the VM turns on.',
    example: 'rbd libceph',
  },
  DYN_DEBUG_FILES: {
    group: 'Debugging',
    type: 'words',
    meaning:
      'Source files of the kernel, built in, whose pr_debug() messages the VM turns on. For what is in a module, use DYN_DEBUG_MODULES.',
    example: 'drivers/block/rbd.c fs/ceph/super.c',
  },

  FSTESTS_SRC: {
    group: 'xfstests (fstests-*)',
    type: 'path',
    meaning: 'A built tree of https://git.kernel.org/pub/scm/fs/xfs/xfstests-dev.git',
    example: '~/xfstests-dev',
  },
  FSTESTS_ZRAM_SIZE: {
    group: 'xfstests (fstests-*)',
    type: 'size',
    meaning:
      'Size of each zram device that a VM has for the filesystems under test, beside which it gets memory for them. 0 makes none: the disks then come from DISKS or --disk, with serial=TEST_DEV and serial=SCRATCH_DEV.',
    default: '1G',
    example: '2G',
  },
  FSTESTS_FSTYP: {
    group: 'xfstests (fstests-*)',
    type: 'enum',
    values: ['xfs', 'ext4', 'btrfs'],
    meaning: 'The filesystem that fstests-local tests; each has a cut of its own, too.',
    default: 'xfs',
  },
  FSTESTS_OPTIONS: {
    group: 'xfstests (fstests-*)',
    type: 'words',
    meaning: 'Options that `check` gets before those of the command line.',
    example: '-x dangerous',
  },
  FSTESTS_EXPUNGE: {
    group: 'xfstests (fstests-*)',
    type: 'path',
    meaning:
      'A list of tests that are not run, one a line, with a reason behind a #: generic/019 # hangs here',
    example: '~/fstests.expunge',
  },
  MKFS_OPTIONS: {
    group: 'xfstests (fstests-*)',
    type: 'string',
    meaning: 'What the filesystems of xfstests are made with.',
    example: '-m reflink=0',
  },
  MOUNT_OPTIONS: {
    group: 'xfstests (fstests-*)',
    type: 'string',
    meaning: 'What the filesystems of xfstests are mounted with, -o included.',
    example: '-o discard',
  },
  FSTESTS_AUTORUN_CMD: {
    group: 'xfstests (fstests-*)',
    type: 'string',
    meaning: 'A shell command to run in the xfstests directory once the VM is up.',
    example: './check -g auto; shutdown',
    deprecated: CUT_WITH_COMMAND,
  },
  BTRFS_PROGS_SRC: {
    group: 'xfstests (fstests-*)',
    type: 'path',
    meaning: 'A built btrfs-progs tree to use in place of the installed programs.',
    example: '~/btrfs-progs',
  },
  EXFAT_PROGS_SRC: {
    group: 'xfstests (fstests-*)',
    type: 'path',
    meaning: 'A built exfatprogs tree to use in place of the installed programs.',
    example: '~/exfatprogs',
  },
  BCACHEFS_TOOLS_SRC: {
    group: 'xfstests (fstests-*)',
    type: 'path',
    meaning: 'A built bcachefs-tools tree to use in place of the installed programs.',
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
    meaning: 'A built tree of https://github.com/osandov/blktests',
    example: '~/blktests',
  },
  BLKTESTS_AUTORUN_CMD: {
    group: 'Other test suites',
    type: 'string',
    meaning: 'A shell command to run in the blktests directory once the VM is up.',
    example: './check block; shutdown',
    deprecated: CUT_WITH_COMMAND,
  },
  ZONEFSTOOLS_SRC: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'A built tree of https://github.com/damien-lemoal/zonefs-tools',
    example: '~/zonefs-tools',
  },
  ZONEFSTESTS_AUTORUN_CMD: {
    group: 'Other test suites',
    type: 'string',
    meaning: 'A shell command to run in the directory of the zonefs tests once the VM is up.',
    example: './zonefs-tests.sh /dev/nullb0; shutdown',
    deprecated: CUT_WITH_COMMAND,
  },
  LTP_DIR: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'Where the Linux Test Project is installed.',
    default: '/opt/ltp',
  },
  LTP_AUTORUN_CMD: {
    group: 'Other test suites',
    type: 'string',
    meaning: 'A shell command to run in LTP_DIR once the VM is up.',
    example: './runltp -f math',
    deprecated: CUT_WITH_COMMAND,
  },
  KSELFTEST_DIR: {
    group: 'Other test suites',
    type: 'path',
    meaning: "Where the kernel's own tests were put by `make kselftest-install`.",
    default: '${KERNEL_SRC}/tools/testing/selftests/kselftest_install',
    example: '~/kselftest',
  },
  UNIONMOUNT_TESTSUITE_SRC: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'A tree of https://github.com/amir73il/unionmount-testsuite',
    example: '~/unionmount-testsuite',
  },
  LIBURING_SRC: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'A built tree of https://github.com/axboe/liburing',
    example: '~/liburing',
  },
  UBLKSRV_SRC: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'A built tree of https://github.com/ublk-org/ublksrv',
    example: '~/ublksrv',
  },
  LKL_SRC: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'A built tree of the Linux Kernel Library, https://github.com/lkl/linux',
    example: '~/lkl',
  },
  SYS_PARAM_CHECK_SRC: {
    group: 'Other test suites',
    type: 'path',
    meaning: 'A tree of https://github.com/openSUSE/sys-param-check',
    example: '~/sys-param-check',
  },

  CIFS_SERVER: {
    group: 'SMB: cifs.ko, Samba, ksmbd',
    type: 'string',
    meaning:
      'Name or address of the SMB server that clients mount from. rapido-server is the first VM, also of `rapido run --with`.',
    default: 'rapido-server',
    example: '192.168.155.11',
  },
  CIFS_SHARE: {
    group: 'SMB: cifs.ko, Samba, ksmbd',
    type: 'string',
    meaning: 'Name of the share, for servers as for clients.',
    default: 'scratch',
    example: 'scratch',
  },
  CIFS_MOUNT_OPTS: {
    group: 'SMB: cifs.ko, Samba, ksmbd',
    type: 'string',
    meaning: 'More mount options for cifs.ko.',
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
    meaning: 'User name, for servers as for clients.',
    default: 'rapido',
    example: 'me',
  },
  CIFS_PW: {
    group: 'SMB: cifs.ko, Samba, ksmbd',
    type: 'string',
    secret: true,
    meaning: 'The password of that user. It goes only into images of cuts that ask for it.',
    example: 'a password',
  },
  SAMBA_SRC: {
    group: 'SMB: cifs.ko, Samba, ksmbd',
    type: 'path',
    meaning: 'A built Samba tree to use in place of the installed programs.',
    example: '~/samba',
  },
  KSMBD_TOOLS_SRC: {
    group: 'SMB: cifs.ko, Samba, ksmbd',
    type: 'path',
    meaning: 'A built ksmbd-tools tree to use in place of the installed programs.',
    example: '~/ksmbd-tools',
  },

  NFS_SERVER: {
    group: 'NFS and autofs',
    type: 'string',
    meaning:
      'Name or address of the NFS server that clients mount from. rapido-server is the first VM, also of `rapido run --with`.',
    default: 'rapido-server',
    example: '192.168.155.11',
  },
  NFS_SHARE: {
    group: 'NFS and autofs',
    type: 'string',
    meaning:
      'Path of the export, for servers as for clients; the slash in front may be left out. A server makes that directory and mounts its filesystem there.',
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
      'A built tree of https://git.kernel.org/pub/scm/linux/storage/autofs/autofs.git/ to use in place of the installed programs.',
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
      'iSCSI initiators that may use the target. The first is the name that the openiscsi cut takes for itself. The default is the two of the libiscsi test tool.',
    default:
      'iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test-2',
  },
  INITIATOR_DISCOVERY_ADDR: {
    group: 'iSCSI and NVMe',
    type: 'string',
    meaning: 'Name or address that the openiscsi cut asks for targets.',
    default: 'rapido-server',
    example: '192.168.155.11',
  },
  OPENISCSI_SRC: {
    group: 'iSCSI and NVMe',
    type: 'path',
    meaning: 'A built open-iscsi tree to use in place of the installed programs.',
    example: '~/open-iscsi',
  },
  TCMU_RUNNER_SRC: {
    group: 'iSCSI and NVMe',
    type: 'path',
    meaning: 'A built tree of https://github.com/open-iscsi/tcmu-runner',
    example: '~/tcmu-runner',
  },
  LRBD_SRC: {
    group: 'iSCSI and NVMe',
    type: 'path',
    meaning: 'A tree of lrbd, which sets up iSCSI targets for RBD images.',
    example: '~/lrbd',
  },
  TARGETCLI_SRC: {
    group: 'iSCSI and NVMe',
    type: 'path',
    meaning: 'A tree of targetcli, which lrbd uses.',
    example: '~/targetcli-fb',
  },
  RTSLIB_SRC: {
    group: 'iSCSI and NVMe',
    type: 'path',
    meaning: 'A tree of rtslib, which targetcli uses.',
    example: '~/rtslib-fb',
  },
  CONFIGSHELL_SRC: {
    group: 'iSCSI and NVMe',
    type: 'path',
    meaning: 'A tree of configshell, which targetcli uses.',
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
      'A built Ceph tree with a cluster started by vstart.sh. Without it, the configuration, keyring and programs of this host are used.',
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
      'Monitor whose address is taken from ceph.conf. The default is the first of vstart.sh.',
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
    meaning: 'Size of that image.',
    default: '4096',
  },
  RBD_USB_SRC: {
    group: 'Ceph',
    type: 'path',
    meaning: 'A tree of https://github.com/ddiss/rbd-usb',
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
    meaning: 'User on that server.',
    default: 'root',
    example: 'me',
  },
  SSH_IDENTITY: {
    group: 'SSH',
    type: 'path',
    meaning: 'Private key file of the client; the public key stands beside it as FILE.pub.',
    example: '~/.ssh/rapido',
  },
  SSH_KNOWN_HOSTS: {
    group: 'SSH',
    type: 'path',
    meaning:
      'A file of host keys that becomes /etc/ssh/ssh_known_hosts in the VM: the server must have one of them. Without it, the key that the server shows is believed.',
    example: '~/.ssh/known_hosts',
  },
  SSH_AUTHORIZED_KEY: {
    group: 'SSH',
    type: 'publicKeys',
    meaning:
      'Who may log in to the dropbear cut: a public key, the text itself, or the path of a file of some (*.pub, authorized_keys). Without it: the one beside SSH_IDENTITY.',
    default: '${SSH_IDENTITY}.pub',
    example: '~/.ssh/id_ed25519.pub',
  },
} as const satisfies ConfKeyTable;

/** The keys of a section `[vmN]`: what VM number N has of its own. None is needed. */
export const VM_KEYS = {
  NET: {
    type: 'enum',
    values: NETWORK_KINDS,
    meaning: 'Its network, in place of VM_NET: tap, user or none.',
    example: 'tap',
  },
  ADDRESS: {
    type: 'addresses',
    meaning:
      'Its addresses with prefix lengths, IPv4 or IPv6, or dhcp, separated by blanks or commas. Those of a tap that is not its first have @TAP after them: 10.0.0.11/24@lan1. Without it: dhcp where BR_DHCP_SRV_RANGE is set, else those whose last part is 10 more than its number, in the networks of BR_ADDR: 192.168.155.11 for VM 1.',
    example: '192.168.155.11/24',
  },
  GATEWAY: {
    type: 'ips',
    meaning:
      'Its default gateway, one for IPv4 and one for IPv6. Without it there is none, unless DHCP gives one.',
    example: '192.168.155.1',
  },
  DNS: {
    type: 'ips',
    meaning: 'Its name servers. Without it there are none, unless DHCP gives some.',
    example: '192.168.155.1',
  },
  MAC: {
    type: 'macs',
    meaning:
      'Hardware addresses of its network cards; that of a tap that is not its first has @TAP after it. Without it, made from this host and the number, always the same.',
    example: 'b8:ac:24:45:c5:01',
  },
  HOSTNAME: {
    type: 'hostname',
    meaning: 'Its name, by which the other VMs know it. Without it, rapido1 for VM 1, and so on.',
    example: 'server',
  },
  TAP: {
    type: 'interfaces',
    meaning:
      'Its tap devices on this host, a network card for each, separated by blanks or commas. Without it, rapido-tap1 for VM 1, and so on.',
    example: 'rapido-tap1, lan1',
  },
  FORWARD: {
    type: 'forwards',
    meaning:
      'With NET=user: ports of 127.0.0.1 on this host that lead to ports of the VM, HOST:GUEST, for UDP with /udp after it.',
    example: '2222:22, 8080:80',
  },
  CPUS: {
    type: 'integer',
    minimum: 1,
    meaning: 'Virtual CPUs, in place of VM_CPUS.',
    example: '4',
  },
  MEMORY: {
    type: 'size',
    minimum: 16 * MIB,
    meaning: 'Memory, in place of VM_MEMORY.',
    example: '2G',
  },
  DISKS: {
    type: 'string',
    meaning:
      'Its disks, separated by a comma and a blank: an image file, a block device, or size:10G for an empty one that is gone with the VM; then options: serial=NAME, readonly, format=qcow2, cache=none, discard, bus=nvme.',
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
