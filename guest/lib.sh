# shellcheck shell=bash
# Functions for autorun scripts: `. /rapido/lib.sh`. docs/writing-cuts.md shows them at work.
#
# They work with `set -eu` and without, and need no programs but those of every image, and mkfs.TYPE.
# VARIABLE is the name of one that gets a result: theirs begin with an underscore, to be out of its way.

# RAPIDO_DISKS: from serial to device.
# shellcheck source=/dev/null
[[ ! -r /rapido/disks.sh ]] || . /rapido/disks.sh

# die MESSAGE…: ends the script.
die() {
	local _name=${0##*/}
	_name=${_name#[0-9][0-9]-}
	echo "${_name%.sh}: $*" >&2
	exit 1
}

# load_modules MODULE[=CONFIG_OPTION]…: all of them; what is built into the kernel counts as loaded.
load_modules() {
	local _module
	modprobe --quiet --all "${@%%=*}" && return
	for _module; do
		modprobe --quiet "${_module%%=*}" && continue
		[[ $_module == *=* ]] || die "the module $_module is not in this kernel, or not among the cut's drivers"
		die "the module ${_module%%=*} is not in this kernel (${_module#*=}), or not among the cut's drivers"
	done
}

# is_done TEST: whether an earlier boot of this run has told that test, or one in it (TEST/…).
is_done() {
	if [[ ! -v _tests_done[@] ]]; then
		# Never empty: it is read once.
		declare -gA _tests_done=([/]='')
		local _name
		while IFS= read -r _name; do
			while _tests_done[$_name]='' && [[ $_name == */* ]]; do _name=${_name%/*}; done
		done 2> /dev/null < /rapido/tests-done || :
	fi
	[[ -v _tests_done[$1] ]]
}

# is_mounted DIRECTORY
is_mounted() {
	local _where
	while read -r _ _where _; do
		[[ $_where == "${1// /\\040}" ]] && return
	done < /proc/mounts
	return 1
}

# mount_once TYPE DIRECTORY: a filesystem of the kernel's own, unless it is there already: configfs at
# /sys/kernel/config, cgroup2 at /sys/fs/cgroup.
mount_once() {
	is_mounted "$2" && return
	# The directory may come with the module.
	modprobe --quiet "$1" || :
	mount -t "$1" "$1" "$2" || die "$1 could not be mounted at $2"
}

# How many times longer everything takes here than on real hardware, at worst.
_slowness=$((${RAPIDO_EMULATED:-0} * 4 + 1))

# succeeds_within SECONDS COMMAND [ARGUMENT…]: calls it again and again, at least once. The time is
# that of real hardware: under emulation it is five times as long.
succeeds_within() {
	local _deadline=$((SECONDS + $1 * _slowness))
	shift
	until "$@"; do
		((SECONDS <= _deadline)) || return 1
		sleep 0.05
	done
}

# wait_for SECONDS WHAT COMMAND [ARGUMENT…]: the same, and ends the script if it never succeeds. A
# function may be such a command: `wait_for 10 /dev/sda test -b /dev/sda`.
wait_for() {
	succeeds_within "$1" "${@:3}" || die "$2: not there after $(($1 * _slowness)) s"
}

# find_disk VARIABLE ATTRIBUTE PATTERN: the first disk whose file of that name below /sys/block/DISK
# begins with a line that matches: `find_disk disk device/vendor 'LIO-ORG*'`.
find_disk() {
	local _disk _value
	for _disk in /sys/block/*; do
		[[ -r $_disk/$2 && -b /dev/${_disk##*/} ]] || continue
		read -r _value < "$_disk/$2" || :
		# shellcheck disable=SC2053 # a pattern
		[[ $_value == $3 ]] || continue
		printf -v "$1" %s "/dev/${_disk##*/}"
		return
	done
	return 1
}

# try_add_zram VARIABLE SIZE: add_zram that fails where there is no zram, without a word.
try_add_zram() {
	local _path _state _number=''
	[[ -d /sys/class/zram-control ]] || modprobe --quiet zram || return
	# Loading the module makes one.
	for _path in /sys/block/zram*; do
		[[ -r $_path/initstate ]] || continue
		read -r _state < "$_path/initstate"
		[[ $_state == 0 ]] || continue
		_number=${_path##*/zram}
		break
	done
	# Reading it makes another.
	[[ -n $_number ]] || read -r _number 2> /dev/null < /sys/class/zram-control/hot_add || return
	echo "$2" 2> /dev/null > "/sys/block/zram$_number/disksize" || return
	printf -v "$1" %s "/dev/zram$_number"
}

# add_zram VARIABLE SIZE: a new block device in memory, compressed; SIZE as 512M or 1G.
add_zram() {
	try_add_zram "$@" ||
		die "no zram device of $2: is that a size, CONFIG_ZRAM in the kernel, zram among the cut's drivers?"
}

# make_filesystem TYPE DEVICE [OPTION…]: whatever was on the device before. OPTION: of its mkfs.
make_filesystem() {
	local _mkfs=mkfs.$1 _device=$2 _force=()
	case $1 in
	xfs | btrfs | f2fs) _force=(-f) ;;
	ext[234]) _force=(-q -F) ;;
	udf) _mkfs=mkudffs ;;
	esac
	"$_mkfs" "${_force[@]}" "${@:3}" "$_device" > /dev/null || die "$_mkfs ${*:3}${3:+ }$_device failed"
}

# mount_filesystem TYPE SOURCE DIRECTORY [OPTION…]: makes the directory. OPTION: of mount.
mount_filesystem() {
	mount -t "$1" -o X-mount.mkdir "${@:4}" "$2" "$3" || die "$1 on $2 could not be mounted at $3"
}

# need_disk VARIABLE NAME: the disk, or device in memory, that RAPIDO_DISKS has by that name.
need_disk() {
	[[ -n ${RAPIDO_DISKS[$2]-} ]] || die "there is no device in memory and no disk with the serial $2"
	printf -v "$1" %s "${RAPIDO_DISKS[$2]}"
}

# mount_disk NAME TYPE DIRECTORY: mounts that disk or device. A disk that has such a filesystem keeps it; one
# that holds anything else is refused.
mount_disk() {
	local _disk
	need_disk _disk "$1"
	if [[ $_disk != /dev/zram* ]]; then
		mount -t "$2" -o X-mount.mkdir "$_disk" "$3" 2> /dev/null && return
		_is_blank "$_disk" ||
			die "the disk with the serial $1 has no $2 that can be mounted, and is not empty: give another, or wipe it"
	fi
	make_filesystem "$2" "$_disk"
	mount_filesystem "$2" "$_disk" "$3"
}

# Whether there are only zeros where filesystems and partitions have their marks, the last of them 64 KiB
# from the start (btrfs).
_is_blank() {
	local _words IFS=''
	mapfile -d '' -t -n 70000 _words < "$1"
	[[ -z ${_words[*]} ]]
}

# is_listening PLACE: tcp:PORT, udp:PORT, or unix:PATH of a stream socket (unix:@NAME: an abstract one).
is_listening() {
	local _kind=${1%%:*} _file _port _local _state _flags _path
	if [[ $_kind == unix ]]; then
		while read -r _ _ _ _flags _ _ _ _path; do
			# SO_ACCEPTCON, as the kernel shows it.
			[[ $_path == "${1#*:}" && $_flags == ???1???? ]] && return
		done < /proc/net/unix
		return 1
	fi
	printf -v _port ':%04X' "${1#*:}"
	for _file in "/proc/net/$_kind" "/proc/net/${_kind}6"; do
		[[ -r $_file ]] || continue
		while read -r _ _local _ _state _; do
			# TCP_LISTEN; of UDP, TCP_CLOSE: not connected.
			[[ $_local == *"$_port" && $_kind:$_state == @(tcp:0A|udp:07) ]] && return
		done < "$_file"
	done
	return 1
}

# refuse_this_vm NAME KEY: ends a client whose server is this VM itself, as rapido-server is where no server
# was booted before. KEY: of the conf, which can name another.
refuse_this_vm() {
	local _names
	while read -r _ _names; do
		[[ " $_names " != *" $1 "* || " $_names " != *" rapido$RAPIDO_VM_NUM "* ]] ||
			die "$1 is this VM itself: boot the server first, or name another ($2)"
	done < /etc/hosts
}

# find_address VARIABLE NAME: the first address of a host, by /etc/hosts or DNS; an address is one of
# itself. The cut has getent among its programs.
find_address() {
	local _address
	read -r _address _ < <(getent ahosts "$2") || die "no address is known of $2"
	printf -v "$1" %s "$_address"
}

# start_daemon PLACE COMMAND [ARGUMENT…]: in a session of its own, and waits until it is_listening at
# PLACE, for 30 s. Whether it goes to the background is its own affair. What it prints is in
# /rapido/results/COMMAND.log, which a `rapido run` keeps, and shown where it fails.
start_daemon() {
	local _log=/rapido/results/${2##*/}.log
	setsid -- "${@:2}" < /dev/null > "$_log" 2>&1 &
	succeeds_within 30 _has_come_up "$!" "$1" && is_listening "$1" && return
	local _lines=()
	mapfile -t _lines < "$_log"
	((${#_lines[@]} <= 20)) || _lines=("${_lines[@]: -20}")
	printf '%s\n' "${_lines[@]}" >&2
	die "${2##*/} does not listen at $1"
}

# Also succeeds where waiting is of no use: the daemon that was started has failed.
_has_come_up() {
	is_listening "$2" && return
	kill -0 "$1" 2> /dev/null && return 1
	# One that went to the background ended well.
	! wait "$1" 2> /dev/null
}
