#!/bin/bash
# Makes the two devices that blktests runs on, a zram device and a loop device over another, and the
# file `config` of its tree. null_blk is no device to name there: its tests remove its module.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

[[ -x check && -d tests ]] || die "$PWD is no tree of blktests"
compgen -G 'src/*.c' > /dev/null && [[ ! -x src/dio-offsets ]] &&
	echo "blktests: $PWD is not built (make): tests that need its programs will fail"

# What tests look at: configfs for null_blk, cgroups for throttling, the kernel's configuration.
(mount_once configfs /sys/kernel/config) || :
(mount_once cgroup2 /sys/fs/cgroup) || :
if [[ -e /.config && ! -e /boot/config-$(uname -r) ]]; then
	mkdir -p /boot
	ln -s /.config "/boot/config-$(uname -r)"
fi

load_modules loop=CONFIG_BLK_DEV_LOOP
zram='' behind_loop=''
add_zram zram "${BLKTESTS_ZRAM_SIZE:-1G}"
add_zram behind_loop "${BLKTESTS_ZRAM_SIZE:-1G}"
loop=$(losetup --find --show "$behind_loop") || die 'no loop device could be set up'

{
	echo "TEST_DEVS=($zram $loop)"
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

lsblk --noheadings --output NAME,SIZE,TYPE "$zram" "$loop"
[[ ! -t 0 ]] || echo "Ready in $PWD: ./check block, or ./check loop/001"
if [[ -n ${BLKTESTS_AUTORUN_CMD-} && ${rapido_run-} != 1 ]]; then
	bash -c "$BLKTESTS_AUTORUN_CMD"
fi
