#!/bin/bash
# Connects to the subsystem NVME_TARGET_NQN of the NVMe/TCP target at NVME_TARGET_TCP. Succeeds only if its
# device appears as a readable disk.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

load_modules nvme-fabrics=CONFIG_NVME_FABRICS nvme-tcp=CONFIG_NVME_TCP
refuse_this_vm "$NVME_TARGET_TCP" NVME_TARGET_TCP
address='' disk='' error=''
find_address address "$NVME_TARGET_TCP"
where="$NVME_TARGET_NQN at $NVME_TARGET_TCP"

# Writes the same text as `nvme connect`. Fails if a retry may help, because the target may just have been started.
# Otherwise sets $error if the target rejected the connection.
connect() {
	error=$({ echo "transport=tcp,traddr=$address,trsvcid=4420,nqn=$NVME_TARGET_NQN" > /dev/nvme-fabrics; } 2>&1) ||
		[[ $error != *refused ]]
}

if ! find_disk disk device/subsysnqn "$NVME_TARGET_NQN"; then
	succeeds_within 10 connect || :
	[[ -z $error ]] || die "no connection to $where: ${error##*: } (see dmesg)"
	wait_for 10 "a disk of $where" find_disk disk device/subsysnqn "$NVME_TARGET_NQN"
fi
dd if="$disk" of=/dev/null bs=64k count=1 iflag=direct status=none || die "cannot read $disk"
lsblk --noheadings --nodeps --output NAME,SIZE,TYPE "$disk"
echo "$disk is $where over NVMe/TCP"
