#!/bin/bash
# Makes an NVMe device out of a zram device: an nvmet subsystem with one namespace, a port, and a
# connection to it, over the loop transport, or over TCP on the loopback interface where a kernel has
# none. Ends well only if the device is there and has the right size.
set -eu

die() {
	echo "nvme-local: $*" >&2
	exit 1
}

modprobe --quiet --all configfs lzo lzo_rle || :
modprobe --all zram nvmet nvme-fabrics || die 'the kernel lacks nvmet, nvme-fabrics or zram'
transport=loop
if ! modprobe --quiet nvme-loop; then
	transport=tcp
	modprobe --all nvmet-tcp nvme-tcp ||
		die 'the kernel has neither nvme-loop nor nvmet-tcp and nvme-tcp (CONFIG_NVME_TARGET_LOOP)'
fi
grep -q ' /sys/kernel/config ' /proc/mounts || mount -t configfs configfs /sys/kernel/config
echo "${NVME_LOCAL_SIZE:-1G}" > /sys/block/zram0/disksize

nqn=org.rapido:local
target=/sys/kernel/config/nvmet
subsystem=$target/subsystems/$nqn
mkdir "$subsystem"
echo 1 > "$subsystem/attr_allow_any_host"
mkdir "$subsystem/namespaces/1"
echo -n /dev/zram0 > "$subsystem/namespaces/1/device_path"
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

# What nvme connect writes there.
echo "$connection" > /dev/nvme-fabrics || die "no connection to $nqn"

# The namespace is found by a worker of the kernel.
device=
for ((tries = 0; tries < 200; tries++)); do
	for path in /sys/block/nvme*n*; do
		[[ -b /dev/${path##*/} ]] && device=/dev/${path##*/}
	done
	[[ -z $device ]] || break
	sleep 0.05
done
[[ -n $device ]] || die "there is no NVMe device on $nqn"
[[ $(blockdev --getsize64 "$device") == $(blockdev --getsize64 /dev/zram0) ]] ||
	die "$device is not /dev/zram0"
lsblk --noheadings --output NAME,SIZE,TYPE "$device"
echo "$device is /dev/zram0 over NVMe ($transport)"
