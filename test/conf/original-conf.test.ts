import { expect, test } from 'vitest';
import { refuseUnknownKeys } from '../../src/conf/conf.ts';
import { readConf } from './read-conf.ts';

/** In the style of the original tool: every one of its keys, quoted, with comments and references. */
const EVERY_KEY = `
# Path to Linux kernel source.
# e.g. KERNEL_SRC="/home/me/linux"
KERNEL_SRC="$HOME/linux"
KERNEL_RELEASE="6.16.3-1-default"
KERNEL_INSTALL_MOD_PATH="\${KERNEL_SRC}/mods"

######### Host network settings #########
BR_DEV="br0"
BR_IF="eth0"
BR_ADDR="192.168.155.1/24"
BR_DHCP_SRV_RANGE="192.168.155.10,192.168.155.20,12h"
TAP_USER="me"
VM_NET_CONF="\${RAPIDO_DIR}/net-conf"
#########################################

VIRTFS_SHARE_PATH="/tmp/rapido/"
QEMU_EXTRA_ARGS="-nographic -drive file=/dev/sdz,if=virtio,cache=none,format=raw,index=0"
QEMU_EXTRA_KERNEL_PARAMS="loglevel=0"
QEMU_PID_DIR="\${RAPIDO_DIR}/initrds"
DRACUT_EXTRA_ARGS="--debug --nostrip --tmpdir /tmp"
DRACUT_SRC="$HOME/dracut"
DRACUT_OUT="\${RAPIDO_DIR}/initrds/myinitrd"
DYN_DEBUG_MODULES="rbd libceph"
DYN_DEBUG_FILES="drivers/block/rbd.c"

##### Ceph globals #####
CEPH_SRC="/home/me/ceph"
CEPH_USER="admin"
CEPH_MON_NAME="a"
CEPH_RBD_POOL="rbd"
CEPH_RBD_IMAGE="rapido_rbd"
CEPH_RBD_IMAGE_MB="4096"
RBD_USB_SRC="/home/me/rbd-usb"

TARGET_IQN="iqn.2003-01.org.linux-iscsi:rapido"
INITIATOR_IQNS="iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test \\
		iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test-2"
INITIATOR_DISCOVERY_ADDR="192.168.155.101"
OPENISCSI_SRC="/home/me/open-iscsi"
TCMU_RUNNER_SRC="/home/me/tcmu-runner"
NVME_TARGET_TCP="192.168.155.100"
LRBD_SRC=/home/me/lrbd
TARGETCLI_SRC=/home/me/targetcli
RTSLIB_SRC=/home/me/rtslib
CONFIGSHELL_SRC=/home/me/configshell

FSTESTS_SRC="/home/me/xfstests-dev"
FSTESTS_ZRAM_SIZE="2G"
FSTESTS_AUTORUN_CMD="./check -g auto && shutdown"
BTRFS_PROGS_SRC="/home/me/btrfs-progs"
EXFAT_PROGS_SRC="/home/me/exfatprogs"
BCACHEFS_TOOLS_SRC="/home/me/bcachefs-tools"
VIRTIOFS_MOUNT_OPTS="dax"
BLKTESTS_SRC="/home/me/blktests"
BLKTESTS_AUTORUN_CMD="./check && shutdown"
ZONEFSTOOLS_SRC="/home/me/zonefs-tools"
ZONEFSTESTS_AUTORUN_CMD="./zonefs-tests.sh /dev/nullb0 && shutdown"
LTP_DIR="/opt/ltp"
LTP_AUTORUN_CMD="runltp -f math"
KSELFTEST_DIR="\${KERNEL_SRC}/tools/testing/selftests/kselftest_install"
UNIONMOUNT_TESTSUITE_SRC="/home/me/unionmount-testsuite"
LIBURING_SRC="/home/me/liburing"
UBLKSRV_SRC="/home/me/ubdsrv"
SYS_PARAM_CHECK_SRC=/home/me/sys-param-check
LKL_SRC=/home/me/lkl

CIFS_SERVER="smbserver.example.com"
CIFS_MOUNT_OPTS="vers=3.0"
CIFS_SHARE="myshare"
CIFS_DOMAIN="EXAMPLE"
CIFS_USER="me"
CIFS_PW="password"
SAMBA_SRC="/home/me/samba"
KSMBD_TOOLS_SRC="/home/me/ksmbd-tools"
NFS_SHARE="myshare"
NFS_SERVER="nfsserver.example.com"
NFS_MOUNT_OPTS="nfsvers=3"
AUTOFS_SRC="/home/me/autofs"

SSH_SERVER="192.168.155.1"
SSH_USER="me"
SSH_IDENTITY="$HOME/.ssh/rapido_cli/id_rsa"
SSH_KNOWN_HOSTS="\${HOME}/.ssh/known_hosts"
SSH_AUTHORIZED_KEY="ssh-rsa AAAA me@laptop"
`;

/** The names as the original tool documents them. */
const ORIGINAL_KEYS = `
KERNEL_SRC KERNEL_RELEASE KERNEL_INSTALL_MOD_PATH BR_DEV BR_IF BR_ADDR BR_DHCP_SRV_RANGE TAP_USER
VM_NET_CONF VIRTFS_SHARE_PATH QEMU_EXTRA_ARGS QEMU_EXTRA_KERNEL_PARAMS QEMU_PID_DIR
DRACUT_EXTRA_ARGS DRACUT_SRC DRACUT_OUT DYN_DEBUG_MODULES DYN_DEBUG_FILES FSTESTS_SRC
FSTESTS_ZRAM_SIZE FSTESTS_AUTORUN_CMD BTRFS_PROGS_SRC EXFAT_PROGS_SRC BCACHEFS_TOOLS_SRC
BLKTESTS_SRC BLKTESTS_AUTORUN_CMD ZONEFSTESTS_AUTORUN_CMD ZONEFSTOOLS_SRC LTP_DIR LTP_AUTORUN_CMD
KSELFTEST_DIR CIFS_SERVER CIFS_MOUNT_OPTS CIFS_SHARE CIFS_DOMAIN CIFS_USER CIFS_PW SAMBA_SRC
KSMBD_TOOLS_SRC NFS_SHARE NFS_SERVER NFS_MOUNT_OPTS AUTOFS_SRC TARGET_IQN INITIATOR_IQNS
INITIATOR_DISCOVERY_ADDR OPENISCSI_SRC TCMU_RUNNER_SRC NVME_TARGET_TCP CEPH_SRC CEPH_USER
CEPH_MON_NAME CEPH_RBD_POOL CEPH_RBD_IMAGE CEPH_RBD_IMAGE_MB RBD_USB_SRC SSH_SERVER SSH_USER
SSH_IDENTITY SSH_KNOWN_HOSTS SSH_AUTHORIZED_KEY LIBURING_SRC UBLKSRV_SRC UNIONMOUNT_TESTSUITE_SRC
VIRTIOFS_MOUNT_OPTS SYS_PARAM_CHECK_SRC LKL_SRC LRBD_SRC TARGETCLI_SRC RTSLIB_SRC CONFIGSHELL_SRC
`
  .trim()
  .split(/\s+/);

test('reads a conf of the original tool that sets all of its keys', () => {
  const conf = readConf(EVERY_KEY);
  refuseUnknownKeys(conf);
  const fromFile = conf.entries.filter(({ origin }) => origin.from === 'file');
  expect(fromFile.map(({ name }) => name).sort()).toEqual([...ORIGINAL_KEYS].sort());
  expect(
    Object.fromEntries(fromFile.map(({ name, value }) => [name, value])),
  ).toMatchInlineSnapshot(`
    {
      "AUTOFS_SRC": "/home/me/autofs",
      "BCACHEFS_TOOLS_SRC": "/home/me/bcachefs-tools",
      "BLKTESTS_AUTORUN_CMD": "./check && shutdown",
      "BLKTESTS_SRC": "/home/me/blktests",
      "BR_ADDR": [
        "192.168.155.1/24",
      ],
      "BR_DEV": "br0",
      "BR_DHCP_SRV_RANGE": {
        "first": "192.168.155.10",
        "last": "192.168.155.20",
        "lease": "12h",
      },
      "BR_IF": "eth0",
      "BTRFS_PROGS_SRC": "/home/me/btrfs-progs",
      "CEPH_MON_NAME": "a",
      "CEPH_RBD_IMAGE": "rapido_rbd",
      "CEPH_RBD_IMAGE_MB": 4096,
      "CEPH_RBD_POOL": "rbd",
      "CEPH_SRC": "/home/me/ceph",
      "CEPH_USER": "admin",
      "CIFS_DOMAIN": "EXAMPLE",
      "CIFS_MOUNT_OPTS": "vers=3.0",
      "CIFS_PW": "password",
      "CIFS_SERVER": "smbserver.example.com",
      "CIFS_SHARE": "myshare",
      "CIFS_USER": "me",
      "CONFIGSHELL_SRC": "/home/me/configshell",
      "DRACUT_EXTRA_ARGS": [
        "--debug",
        "--nostrip",
        "--tmpdir",
        "/tmp",
      ],
      "DRACUT_OUT": "/rapido/initrds/myinitrd",
      "DRACUT_SRC": "/home/me/dracut",
      "DYN_DEBUG_FILES": [
        "drivers/block/rbd.c",
      ],
      "DYN_DEBUG_MODULES": [
        "rbd",
        "libceph",
      ],
      "EXFAT_PROGS_SRC": "/home/me/exfatprogs",
      "FSTESTS_AUTORUN_CMD": "./check -g auto && shutdown",
      "FSTESTS_SRC": "/home/me/xfstests-dev",
      "FSTESTS_ZRAM_SIZE": 2147483648,
      "INITIATOR_DISCOVERY_ADDR": "192.168.155.101",
      "INITIATOR_IQNS": [
        "iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test",
        "iqn.2007-10.com.github:sahlberg:libiscsi:iscsi-test-2",
      ],
      "KERNEL_INSTALL_MOD_PATH": "/home/me/linux/mods",
      "KERNEL_RELEASE": "6.16.3-1-default",
      "KERNEL_SRC": "/home/me/linux",
      "KSELFTEST_DIR": "/home/me/linux/tools/testing/selftests/kselftest_install",
      "KSMBD_TOOLS_SRC": "/home/me/ksmbd-tools",
      "LIBURING_SRC": "/home/me/liburing",
      "LKL_SRC": "/home/me/lkl",
      "LRBD_SRC": "/home/me/lrbd",
      "LTP_AUTORUN_CMD": "runltp -f math",
      "LTP_DIR": "/opt/ltp",
      "NFS_MOUNT_OPTS": "nfsvers=3",
      "NFS_SERVER": "nfsserver.example.com",
      "NFS_SHARE": "myshare",
      "NVME_TARGET_TCP": "192.168.155.100",
      "OPENISCSI_SRC": "/home/me/open-iscsi",
      "QEMU_EXTRA_ARGS": [
        "-nographic",
        "-drive",
        "file=/dev/sdz,if=virtio,cache=none,format=raw,index=0",
      ],
      "QEMU_EXTRA_KERNEL_PARAMS": "loglevel=0",
      "QEMU_PID_DIR": "/rapido/initrds",
      "RBD_USB_SRC": "/home/me/rbd-usb",
      "RTSLIB_SRC": "/home/me/rtslib",
      "SAMBA_SRC": "/home/me/samba",
      "SSH_AUTHORIZED_KEY": "ssh-rsa AAAA me@laptop",
      "SSH_IDENTITY": "/home/me/.ssh/rapido_cli/id_rsa",
      "SSH_KNOWN_HOSTS": "/home/me/.ssh/known_hosts",
      "SSH_SERVER": "192.168.155.1",
      "SSH_USER": "me",
      "SYS_PARAM_CHECK_SRC": "/home/me/sys-param-check",
      "TAP_USER": "me",
      "TARGETCLI_SRC": "/home/me/targetcli",
      "TARGET_IQN": "iqn.2003-01.org.linux-iscsi:rapido",
      "TCMU_RUNNER_SRC": "/home/me/tcmu-runner",
      "UBLKSRV_SRC": "/home/me/ubdsrv",
      "UNIONMOUNT_TESTSUITE_SRC": "/home/me/unionmount-testsuite",
      "VIRTFS_SHARE_PATH": "/tmp/rapido",
      "VIRTIOFS_MOUNT_OPTS": "dax",
      "VM_NET_CONF": "/rapido/net-conf",
      "ZONEFSTESTS_AUTORUN_CMD": "./zonefs-tests.sh /dev/nullb0 && shutdown",
      "ZONEFSTOOLS_SRC": "/home/me/zonefs-tools",
    }
  `);
  expect(conf.warnings).toEqual([]);
});

test('its example file, with empty values and commented settings, sets nothing', () => {
  const conf = readConf(`
# If KERNEL_SRC is not set then rapido will attempt to boot a host kernel
# available under /boot/; either the \`uname -r\` release, or (if specified) the
# KERNEL_RELEASE version.
#
# e.g. KERNEL_SRC="/home/me/linux"
KERNEL_SRC=""
#KERNEL_INSTALL_MOD_PATH="\${KERNEL_SRC}/mods"
#########################################
BR_DEV="rapido-br"
TAP_USER=""
CEPH_SRC=""
#### uring_btrfs.sh and ublksrv_*.sh ####
#SYS_PARAM_CHECK_SRC=
`);
  refuseUnknownKeys(conf);
  expect(conf.get('KERNEL_SRC')).toBeUndefined();
  expect(conf.get('CEPH_SRC')).toBeUndefined();
  expect(conf.get('BR_DEV')).toBe('rapido-br');
  expect(conf.warnings).toEqual([]);
});
