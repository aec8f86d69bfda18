#!/bin/bash
# Makes a SCSI disk out of a zram device: an LIO backstore (iblock), and a target of the loopback fabric
# with it as LUN 0. Ends well only if the disk is there and has the right size.
set -eu

die() {
	echo "lio-local: $*" >&2
	exit 1
}

modprobe --quiet --all configfs lzo lzo_rle || :
modprobe --all zram target_core_mod target_core_iblock tcm_loop sd_mod ||
	die 'the kernel lacks LIO (target_core_mod, target_core_iblock, tcm_loop) or zram'
grep -q ' /sys/kernel/config ' /proc/mounts || mount -t configfs configfs /sys/kernel/config
echo "${LIO_LOCAL_SIZE:-1G}" > /sys/block/zram0/disksize

target=/sys/kernel/config/target
store=$target/core/iblock_0/zram0
mkdir -p "$store"
echo -n udev_path=/dev/zram0 > "$store/control"
echo 1 > "$store/enable" || die '/dev/zram0 cannot be a backstore'

# A name of the form that the SCSI standards call NAA: 16 digits, the first is 5 or 6.
portal=$target/loopback/naa.6001405000000001/tpgt_1
mkdir -p "$portal"
# The connection of the initiator comes first: LUNs are announced to it.
echo -n naa.6001405000000002 > "$portal/nexus"
mkdir "$portal/lun/lun_0"
ln -s "$store" "$portal/lun/lun_0/zram0"

# Found by a worker of the kernel.
device=
for ((tries = 0; tries < 200; tries++)); do
	for path in /sys/block/sd*; do
		[[ -b /dev/${path##*/} ]] || continue
		read -r vendor < "$path/device/vendor"
		[[ $vendor != LIO-ORG* ]] || device=/dev/${path##*/}
	done
	[[ -z $device ]] || break
	sleep 0.05
done
[[ -n $device ]] || die "there is no SCSI disk at $portal"
[[ $(blockdev --getsize64 "$device") == $(blockdev --getsize64 /dev/zram0) ]] ||
	die "$device is not /dev/zram0"
lsblk --noheadings --output NAME,SIZE,TYPE "$device"
echo "$device is /dev/zram0 over LIO (loopback fabric)"
