#!/bin/bash
# Discovers the targets of the iSCSI server at INITIATOR_DISCOVERY_ADDR, as the first of INITIATOR_IQNS, and logs in to
# all of them. Succeeds only if there are disks and all can be read.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

load_modules iscsi_tcp=CONFIG_ISCSI_TCP sd_mod=CONFIG_BLK_DEV_SD
read -r name _ <<< "$INITIATOR_IQNS"
[[ -n $name ]] || die 'INITIATOR_IQNS is empty: its first word is the name of this initiator'
server=$INITIATOR_DISCOVERY_ADDR
refuse_this_vm "$server" INITIATOR_DISCOVERY_ADDR
# The lock directory of iscsiadm in distributions.
mkdir -p /run/lock/iscsi
echo "InitiatorName=$name" > /etc/iscsi/initiatorname.iscsi

# Sets $disks to the disks of all sessions. Fails if there are none.
find_iscsi_disks() {
	disks=(/sys/class/iscsi_session/session*/device/target*/*/block/*)
	disks=("${disks[@]/#*\///dev/}")
	[[ -b ${disks[0]} ]]
}

if ! is_listening unix:@ISCSIADM_ABSTRACT_NAMESPACE; then
	start_daemon unix:@ISCSIADM_ABSTRACT_NAMESPACE iscsid --foreground
fi
# iscsiadm retries for some seconds if the server does not listen yet.
iscsiadm --mode discovery --type sendtargets --portal "$server" ||
	die "no targets were found at $server"
if ! find_iscsi_disks; then
	iscsiadm --mode node --login || die "$server does not let $name log in"
	wait_for 10 "a disk of the targets at $server" find_iscsi_disks
fi

for disk in "${disks[@]}"; do
	dd if="$disk" of=/dev/null bs=64k count=1 iflag=direct status=none || die "cannot read $disk"
done
lsblk --noheadings --nodeps --output NAME,SIZE,TYPE,VENDOR "${disks[@]}"
echo "${disks[*]}: from $server over iSCSI"
