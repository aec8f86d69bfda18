#!/bin/bash
# Creates an NVMe device from a zram device: an nvmet subsystem with one namespace, a port, and a
# connection to it, over the loop transport or, if the kernel does not have it, over TCP on the loopback
# interface. Succeeds only if the device exists and has the right size.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

load_modules nvmet=CONFIG_NVME_TARGET nvme-fabrics=CONFIG_NVME_FABRICS
transport=loop
if ! modprobe --quiet nvme-loop; then
	transport=tcp
	load_modules nvmet-tcp=CONFIG_NVME_TARGET_TCP nvme-tcp=CONFIG_NVME_TCP
fi
mount_once configfs /sys/kernel/config
backing=''
need_disk backing BACKING
disk=''

nqn=org.rapido:local
target=/sys/kernel/config/nvmet
subsystem=$target/subsystems/$nqn
mkdir "$subsystem"
echo 1 > "$subsystem/attr_allow_any_host"
mkdir "$subsystem/namespaces/1"
echo -n "$backing" > "$subsystem/namespaces/1/device_path"
echo 1 > "$subsystem/namespaces/1/enable"
mkdir "$target/ports/1"
echo "$transport" > "$target/ports/1/addr_trtype"
connection=transport=$transport,nqn=$nqn
if [[ $transport == tcp ]]; then
	ip link set dev lo up
	echo ipv4 > "$target/ports/1/addr_adrfam"
	echo 127.0.0.1 > "$target/ports/1/addr_traddr"
	echo 4420 > "$target/ports/1/addr_trsvcid"
	connection+=,traddr=127.0.0.1,trsvcid=4420
fi
ln -s "$subsystem" "$target/ports/1/subsystems/$nqn"

# The same text as `nvme connect` writes.
echo "$connection" > /dev/nvme-fabrics || die "no connection to $nqn"

wait_for 10 "an NVMe disk on $nqn" find_disk disk device/subsysnqn "$nqn"
[[ $(blockdev --getsize64 "$disk") == $(blockdev --getsize64 "$backing") ]] || die "$disk is not $backing"
lsblk --noheadings --output NAME,SIZE,TYPE "$disk"
echo "$disk is $backing over NVMe ($transport)"
