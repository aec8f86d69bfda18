#!/bin/bash
# Serves a zram device, or a disk given with the serial BACKING, over iSCSI from user space: tgtd, with the target
# TARGET_IQN and the device as LUN 1 (its LUN 0 is no disk) for the initiators INITIATOR_IQNS. There is no
# password.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

backing=''
need_disk backing BACKING
read -r -a initiators <<< "${INITIATOR_IQNS-}"
((${#initiators[@]} > 0)) || die 'INITIATOR_IQNS is empty: no initiator could use the target'

# manage OP MODE [OPTION…]
manage() {
	tgtadm --lld iscsi --op "$1" --mode "$2" --tid 1 "${@:3}" || die "tgtadm: --op $1 --mode $2 ${*:3} failed"
}

if ! is_listening tcp:3260; then
	start_daemon tcp:3260 tgtd --foreground
	manage new target --targetname "$TARGET_IQN"
	manage new logicalunit --lun 1 --backing-store "$backing"
	# Binding an address as well would admit any initiator with that address.
	for initiator in "${initiators[@]}"; do
		manage bind target --initiator-name "$initiator"
	done
fi
echo "serving $backing as $TARGET_IQN, iSCSI port 3260, to ${initiators[*]}"
