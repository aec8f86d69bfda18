#!/bin/bash
# Makes the two devices that blktests runs on, a zram device and a loop device over another, and the
# file `config` of its tree. null_blk is no device to name there: its tests remove its module.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

[[ -x check && -d tests ]] || die "$PWD is no tree of blktests"
compgen -G 'src/*.c' > /dev/null && [[ ! -x src/dio-offsets ]] &&
	echo "blktests: $PWD is not built (make): tests that need its programs will fail"

# What tests look at: configfs for null_blk, cgroups for throttling.
(mount_once configfs /sys/kernel/config) || :
(mount_once cgroup2 /sys/fs/cgroup) || :

stand_in_for_udevd
load_modules loop=CONFIG_BLK_DEV_LOOP
for serial in TEST_DEV LOOP_BACKING; do
	[[ -n ${RAPIDO_DISKS[$serial]-} ]] || die "there is no zram device, and no disk with the serial $serial"
done
device=${RAPIDO_DISKS[TEST_DEV]}
loop=$(losetup --find --show "${RAPIDO_DISKS[LOOP_BACKING]}") || die 'no loop device could be set up'

{
	echo "TEST_DEVS=($device $loop)"
	# What an earlier boot of this run has told: GROUP/NUMBER, then the device.
	if [[ -f /rapido/tests-done ]]; then
		while IFS=/ read -r group number _; do
			printf 'EXCLUDE+=(%q)\n' "$group/$number"
		done < /rapido/tests-done
	fi
	# The host has the results at once: a crash of the kernel loses none.
	# shellcheck disable=SC2154 # guest/init exports it
	[[ ${rapido_run-} != 1 ]] || echo 'OUTPUT=/rapido/results/blktests'
} > config

lsblk --noheadings --output NAME,SIZE,TYPE "$device" "$loop"
[[ ! -t 0 ]] || echo "Ready in $PWD: ./check block, or ./check loop/001"
if [[ -n ${BLKTESTS_AUTORUN_CMD-} && ${rapido_run-} != 1 ]]; then
	bash -c "$BLKTESTS_AUTORUN_CMD"
fi
