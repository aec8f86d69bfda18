#!/bin/bash
# Creates a SCSI disk from a zram device, or a disk given with the serial BACKING: an LIO backstore (iblock), and a
# target of the loopback fabric with it as LUN 0. Succeeds only if the disk exists and has the right size.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

load_modules target_core_mod=CONFIG_TARGET_CORE target_core_iblock=CONFIG_TCM_IBLOCK \
	tcm_loop=CONFIG_LOOPBACK_TARGET sd_mod=CONFIG_BLK_DEV_SD
mount_once configfs /sys/kernel/config
backing=''
need_disk backing BACKING
disk=''

target=/sys/kernel/config/target
store=$target/core/iblock_0/${backing##*/}
mkdir -p "$store"
echo -n "udev_path=$backing" > "$store/control"
echo 1 > "$store/enable" || die "$backing cannot be a backstore"

# An NAA name of the SCSI standards: 16 digits, of which the first is 5 or 6.
portal=$target/loopback/naa.6001405000000001/tpgt_1
mkdir -p "$portal"
# The nexus to the initiator must exist before the LUN, because LUNs are announced to it.
echo -n naa.6001405000000002 > "$portal/nexus"
mkdir "$portal/lun/lun_0"
ln -s "$store" "$portal/lun/lun_0/${backing##*/}"

wait_for 10 "a SCSI disk at $portal" find_disk disk device/vendor 'LIO-ORG*'
[[ $(blockdev --getsize64 "$disk") == $(blockdev --getsize64 "$backing") ]] || die "$disk is not $backing"
lsblk --noheadings --output NAME,SIZE,TYPE "$disk"
echo "$disk is $backing over LIO (loopback fabric)"
