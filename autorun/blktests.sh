#!/bin/bash
# Makes the two devices that blktests runs on, a zram device and a loop device over another, and the
# file `config` of its tree. null_blk is no device to name there: its tests remove its module.
set -eu

die() {
	echo "blktests: $*" >&2
	exit 1
}

[[ -x check && -d tests ]] || die "$PWD is no tree of blktests"
compgen -G 'src/*.c' > /dev/null && [[ ! -x src/dio-offsets ]] &&
	echo "blktests: $PWD is not built (make): tests that need its programs will fail"

# What tests look at: configfs for null_blk, cgroups for throttling, the kernel's configuration.
modprobe --quiet configfs || :
is_mounted() { grep -q " $1 " /proc/mounts; }
is_mounted /sys/kernel/config || mount -t configfs configfs /sys/kernel/config || :
is_mounted /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup || :
if [[ -e /.config && ! -e /boot/config-$(uname -r) ]]; then
	mkdir -p /boot
	ln -s /.config "/boot/config-$(uname -r)"
fi

modprobe zram num_devices=2 || die 'there is no zram in this kernel (CONFIG_ZRAM)'
modprobe loop || die 'there is no loop device in this kernel (CONFIG_BLK_DEV_LOOP)'
for zram in zram0 zram1; do
	echo "${BLKTESTS_ZRAM_SIZE:-1G}" > "/sys/block/$zram/disksize" || die "/dev/$zram cannot be used"
done
loop=$(losetup --find --show /dev/zram1) || die 'no loop device could be set up'

{
	echo "TEST_DEVS=(/dev/zram0 $loop)"
	# The host has the results at once: a crash of the kernel loses none.
	# shellcheck disable=SC2154 # guest/init exports it
	[[ ${rapido_run-} != 1 ]] || echo 'OUTPUT=/rapido/results/blktests'
} > config

lsblk --noheadings --output NAME,SIZE,TYPE /dev/zram0 "$loop"
[[ ! -t 0 ]] || echo "Ready in $PWD: ./check block, or ./check loop/001"
if [[ -n ${BLKTESTS_AUTORUN_CMD-} && ${rapido_run-} != 1 ]]; then
	bash -c "$BLKTESTS_AUTORUN_CMD"
fi
