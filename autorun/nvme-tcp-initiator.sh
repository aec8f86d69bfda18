#!/bin/bash
# Connects to the subsystem NVME_TARGET_NQN of the NVMe/TCP target at NVME_TARGET_TCP. Ends well only if its
# device is a disk here that can be read.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

load_modules nvme-fabrics=CONFIG_NVME_FABRICS nvme-tcp=CONFIG_NVME_TCP
refuse_this_vm "$NVME_TARGET_TCP" NVME_TARGET_TCP
address='' disk='' error=''
find_address address "$NVME_TARGET_TCP"
where="$NVME_TARGET_NQN at $NVME_TARGET_TCP"

# What nvme connect writes there. Fails where trying again may help: the target may have been started a moment
# ago. Sets $error where the target has refused.
connect() {
	error=$({ echo "transport=tcp,traddr=$address,trsvcid=4420,nqn=$NVME_TARGET_NQN" > /dev/nvme-fabrics; } 2>&1) ||
		[[ $error != *refused ]]
}

if ! find_disk disk device/subsysnqn "$NVME_TARGET_NQN"; then
	succeeds_within 10 connect || :
	[[ -z $error ]] || die "no connection to $where: ${error##*: } (see dmesg)"
	wait_for 10 "a disk of $where" find_disk disk device/subsysnqn "$NVME_TARGET_NQN"
fi
dd if="$disk" of=/dev/null bs=64k count=1 iflag=direct status=none || die "$disk cannot be read"
lsblk --noheadings --nodeps --output NAME,SIZE,TYPE "$disk"
echo "$disk is $where over NVMe/TCP"
