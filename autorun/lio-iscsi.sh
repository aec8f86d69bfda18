#!/bin/bash
# Serves a zram device, or a disk given with the serial BACKING, over iSCSI: an LIO backstore (iblock), and the
# target TARGET_IQN with it as LUN 0 for the initiators INITIATOR_IQNS. There is no password.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

load_modules target_core_mod=CONFIG_TARGET_CORE target_core_iblock=CONFIG_TCM_IBLOCK \
	iscsi_target_mod=CONFIG_ISCSI_TARGET
mount_once configfs /sys/kernel/config
backing=''
need_disk backing BACKING
read -r -a initiators <<< "${INITIATOR_IQNS-}"
((${#initiators[@]} > 0)) || die 'INITIATOR_IQNS is empty: no initiator could use the target'

target=/sys/kernel/config/target
store=$target/core/iblock_0/${backing##*/}
mkdir -p "$store"
read -r enabled < "$store/enable"
if [[ $enabled == 0 ]]; then
	echo -n "udev_path=$backing" > "$store/control"
	echo 1 > "$store/enable" || die "$backing cannot be a backstore (see dmesg)"
fi

portal_group=$target/iscsi/$TARGET_IQN/tpgt_1
lun=$portal_group/lun/lun_0
mkdir -p "$lun" || die "$TARGET_IQN (TARGET_IQN) cannot be the name of a target (see dmesg)"
[[ -e $lun/${backing##*/} ]] || ln -s "$store" "$lun/${backing##*/}"
for initiator in "${initiators[@]}"; do
	acl=$portal_group/acls/$initiator/lun_0
	mkdir -p "$acl" || die "$initiator (INITIATOR_IQNS) cannot be the name of an initiator (see dmesg)"
	[[ -e $acl/lun ]] || ln -s "$lun" "$acl/lun"
done
echo 0 > "$portal_group/attrib/authentication"
# An IPv6 portal also accepts IPv4; LIO rejects a second portal for IPv4.
portal=0.0.0.0:3260
[[ ! -e /proc/net/if_inet6 ]] || portal='[::]:3260'
mkdir -p "$portal_group/np/$portal" || die 'no portal can listen at port 3260 (see dmesg)'
echo 1 > "$portal_group/enable"

wait_for 10 "port 3260" is_listening tcp:3260
echo "serving $backing as $TARGET_IQN, iSCSI port 3260, to ${initiators[*]}"
