#!/bin/bash
# Makes the two devices that blktests runs on, a zram device and a loop device over another, and the
# file `config` of its tree. null_blk is no device to name there: its tests remove its module.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

[[ -x check && -d tests ]] || die "$PWD is no tree of blktests"
# Not all programs can be built everywhere.
is_built() {
	local source
	for source in src/*.c; do
		[[ ! -e $source || ! -x ${source%.c} ]] || return 0
	done
	[[ ! -e $source ]]
}
is_built || echo "blktests: $PWD is not built (make): tests that need its programs will fail"

# What tests look at: configfs for null_blk, cgroups for throttling.
(mount_once configfs /sys/kernel/config) || :
(mount_once cgroup2 /sys/fs/cgroup) || :

ip link set dev lo up 2> /dev/null || :
load_modules loop=CONFIG_BLK_DEV_LOOP
device='' backing=''
need_disk device TEST_DEV
need_disk backing LOOP_BACKING
loop=$(losetup --find --show "$backing") || die 'no loop device could be set up'

# What an earlier boot of this run has told, as GROUP/NUMBER and the device. EXCLUDE is not for tests that
# check was told by name: it sources this file behind its function for these.
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
	# Not every kernel has the transport that the nvme tests take by themselves.
	modprobe --dry-run --quiet nvme-loop || ! modprobe --dry-run --quiet nvme-tcp ||
		echo "NVMET_TRTYPES=\${NVMET_TRTYPES:-tcp}"
	[[ ! -f /rapido/tests-done ]] || leave_out_done
	# The host has the results at once: a crash of the kernel loses none.
	# shellcheck disable=SC2154 # guest/init exports it
	[[ ${rapido_run-} != 1 ]] || echo 'OUTPUT=/rapido/results/blktests'
} > config

lsblk --noheadings --output NAME,SIZE,TYPE "$device" "$loop"
[[ ! -t 0 ]] || echo "Ready in $PWD: ./check block, or ./check loop/001"
if [[ -n ${BLKTESTS_AUTORUN_CMD-} && ${rapido_run-} != 1 ]]; then
	bash -c "$BLKTESTS_AUTORUN_CMD"
fi
