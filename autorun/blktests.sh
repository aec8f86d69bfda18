#!/bin/bash
# Sets up the two devices for blktests, a zram device and a loop device on another zram device, and writes
# the file `config` of its tree. null_blk is not used as a device, because its tests remove the module.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

[[ -x check && -d tests ]] || die "$PWD is not a blktests tree"
# One built program is enough: not all programs can be built on every host.
is_built() {
	local source
	for source in src/*.c; do
		[[ ! -e $source || ! -x ${source%.c} ]] || return 0
	done
	[[ ! -e $source ]]
}
is_built || echo "blktests: $PWD is not built (make): tests that need its programs will fail"

# Filesystems that tests need: configfs for null_blk, cgroups for throttling.
(mount_once configfs /sys/kernel/config) || :
(mount_once cgroup2 /sys/fs/cgroup) || :

ip link set dev lo up 2> /dev/null || :
load_modules loop=CONFIG_BLK_DEV_LOOP
device='' backing=''
need_disk device TEST_DEV
need_disk backing LOOP_BACKING
loop=$(losetup --find --show "$backing") || die 'no loop device could be set up'

# Excludes the tests that an earlier boot of this run has reported, as GROUP/NUMBER and the device. check ignores
# EXCLUDE for tests named on its command line. It sources this file after it has defined the function for these
# tests, so the function can be replaced.
leave_out_done() {
	local group number
	while IFS=/ read -r group number _; do
		printf 'EXCLUDE+=(%q)\n' "$group/$number"
	done < /rapido/tests-done
	cat <<-'END'
		tests_done=" ${EXCLUDE[*]} "
		if declare -F _found_test > /dev/null; then
			eval "_found_any_$(declare -f _found_test | sed '1s/^_found_//')"
			_found_test() {
				[[ $tests_done == *" $1 "* ]] || _found_any_test "$@"
			}
		fi
	END
}

{
	echo "TEST_DEVS=($device $loop)"
	# Not every kernel has the default transport of the nvme tests.
	modprobe --dry-run --quiet nvme-loop || ! modprobe --dry-run --quiet nvme-tcp ||
		echo "NVMET_TRTYPES=\${NVMET_TRTYPES:-tcp}"
	[[ ! -f /rapido/tests-done ]] || leave_out_done
	# Write the results to the host directly, so that a crash of the kernel loses none.
	# shellcheck disable=SC2154 # guest/init exports it
	[[ ${rapido_run-} != 1 ]] || echo 'OUTPUT=/rapido/results/blktests'
} > config

lsblk --noheadings --output NAME,SIZE,TYPE "$device" "$loop"
[[ ! -t 0 ]] || echo "Ready in $PWD: ./check block, or ./check loop/001"
if [[ -n ${BLKTESTS_AUTORUN_CMD-} && ${rapido_run-} != 1 ]]; then
	bash -c "$BLKTESTS_AUTORUN_CMD"
fi
