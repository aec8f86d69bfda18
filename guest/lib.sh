# shellcheck shell=bash
# Functions for autorun scripts: `. /rapido/lib.sh`. docs/writing-cuts.md has examples.
#
# They work with and without `set -eu`, and need only the programs of every image, and mkfs.TYPE. VARIABLE is the name
# of a variable that receives a result. The local variables begin with an underscore, to avoid clashes with it.

# RAPIDO_DISKS maps serials to devices.
# shellcheck source=/dev/null
[[ ! -r /rapido/disks.sh ]] || . /rapido/disks.sh

# die MESSAGE…: prints the message to standard error and exits with 1.
die() {
	local _name=${0##*/}
	_name=${_name#[0-9][0-9]-}
	echo "${_name%.sh}: $*" >&2
	exit 1
}

# load_modules MODULE[=CONFIG_OPTION]…: loads all of them, or dies. Drivers that are built into the kernel count as
# loaded.
load_modules() {
	local _module
	modprobe --quiet --all "${@%%=*}" && return
	for _module; do
		modprobe --quiet "${_module%%=*}" && continue
		[[ $_module == *=* ]] || die "the module $_module is not in this kernel, or not among the cut's drivers"
		die "the module ${_module%%=*} is not in this kernel (${_module#*=}), or not among the cut's drivers"
	done
}

# is_done TEST: whether an earlier boot of this run has a result of that test, or of a part of it (TEST/…).
is_done() {
	if [[ ! -v _tests_done[@] ]]; then
		# The entry `/` marks the list as read, even if the file is empty.
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

# mount_once TYPE DIRECTORY: mounts a virtual filesystem, such as configfs at /sys/kernel/config or cgroup2 at
# /sys/fs/cgroup, unless DIRECTORY is mounted already.
mount_once() {
	is_mounted "$2" && return
	# The module may create the directory.
	modprobe --quiet "$1" || :
	mount -t "$1" "$1" "$2" || die "$1 could not be mounted at $2"
}

# How many times longer everything may take than on real hardware.
_slowness=$((${RAPIDO_EMULATED:-0} * 4 + 1))

# succeeds_within SECONDS COMMAND [ARGUMENT…]: runs the command until it succeeds, at least once. Under emulation, the
# time is five times as long.
succeeds_within() {
	local _deadline=$((SECONDS + $1 * _slowness))
	shift
	until "$@"; do
		((SECONDS <= _deadline)) || return 1
		sleep 0.05
	done
}

# wait_for SECONDS WHAT COMMAND [ARGUMENT…]: the same, and dies if the command does not succeed in time. The command
# may be a function. Example: `wait_for 10 /dev/sda test -b /dev/sda`.
wait_for() {
	succeeds_within "$1" "${@:3}" || die "$2: not there after $(($1 * _slowness)) s"
}

# find_disk VARIABLE ATTRIBUTE PATTERN: finds the first disk for which the first line of /sys/block/DISK/ATTRIBUTE
# matches. Example: `find_disk disk device/vendor 'LIO-ORG*'`.
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

# try_add_zram VARIABLE SIZE: like add_zram, but fails silently if there is no zram.
try_add_zram() {
	local _path _state _number=''
	[[ -d /sys/class/zram-control ]] || modprobe --quiet zram || return
	# Loading the module creates a device, which may be unused.
	for _path in /sys/block/zram*; do
		[[ -r $_path/initstate ]] || continue
		read -r _state < "$_path/initstate"
		[[ $_state == 0 ]] || continue
		_number=${_path##*/zram}
		break
	done
	# Reading hot_add creates another device.
	[[ -n $_number ]] || read -r _number 2> /dev/null < /sys/class/zram-control/hot_add || return
	echo "$2" 2> /dev/null > "/sys/block/zram$_number/disksize" || return
	printf -v "$1" %s "/dev/zram$_number"
}

# add_zram VARIABLE SIZE: creates a compressed block device in memory; SIZE is 512M or 1G, for example.
add_zram() {
	try_add_zram "$@" ||
		die "could not create a $2 zram device; check the size, CONFIG_ZRAM in the kernel, and zram in the cut's drivers"
}

# make_filesystem TYPE DEVICE [OPTION…]: creates a filesystem; the previous contents of the device are lost. The
# options are those of mkfs.TYPE.
make_filesystem() {
	local _mkfs=mkfs.$1 _device=$2 _force=()
	case $1 in
	xfs | btrfs | f2fs) _force=(-f) ;;
	ext[234]) _force=(-q -F) ;;
	udf) _mkfs=mkudffs ;;
	esac
	"$_mkfs" "${_force[@]}" "${@:3}" "$_device" > /dev/null || die "$_mkfs ${*:3}${3:+ }$_device failed"
}

# mount_filesystem TYPE SOURCE DIRECTORY [OPTION…]: mounts a filesystem, and creates the directory. The options are
# those of mount.
mount_filesystem() {
	mount -t "$1" -o X-mount.mkdir "${@:4}" "$2" "$3" || die "$1 on $2 could not be mounted at $3"
}

# need_disk VARIABLE NAME: finds the disk or zram device with that name in RAPIDO_DISKS, or dies.
need_disk() {
	[[ -n ${RAPIDO_DISKS[$2]-} ]] || die "no disk has the serial $2, and no zram device has that name"
	printf -v "$1" %s "${RAPIDO_DISKS[$2]}"
}

# mount_disk NAME TYPE DIRECTORY: mounts that disk or zram device. A filesystem of that type on a disk is kept. A disk
# with other contents is rejected.
mount_disk() {
	local _disk
	need_disk _disk "$1"
	if [[ $_disk != /dev/zram* ]]; then
		mount -t "$2" -o X-mount.mkdir "$_disk" "$3" 2> /dev/null && return
		_is_blank "$_disk" ||
			die "the disk with serial $1 has no mountable $2, and is not empty; use another disk, or wipe it"
	fi
	make_filesystem "$2" "$_disk"
	mount_filesystem "$2" "$_disk" "$3"
}

# Whether the part of the disk in which filesystems and partition tables have their signatures contains only zeros.
# The last of these signatures is 64 KiB from the start (btrfs).
_is_blank() {
	local _words IFS=''
	mapfile -d '' -t -n 70000 _words < "$1"
	[[ -z ${_words[*]} ]]
}

# is_listening PLACE: whether a process listens there. PLACE is tcp:PORT, udp:PORT, or unix:PATH for a stream socket
# (unix:@NAME for an abstract one).
is_listening() {
	local _kind=${1%%:*} _file _port _local _state _flags _path
	if [[ $_kind == unix ]]; then
		while read -r _ _ _ _flags _ _ _ _path; do
			# The flag SO_ACCEPTCON, in hexadecimal.
			[[ $_path == "${1#*:}" && $_flags == ???1???? ]] && return
		done < /proc/net/unix
		return 1
	fi
	printf -v _port ':%04X' "${1#*:}"
	for _file in "/proc/net/$_kind" "/proc/net/${_kind}6"; do
		[[ -r $_file ]] || continue
		while read -r _ _local _ _state _; do
			# TCP_LISTEN; for UDP, TCP_CLOSE means not connected.
			[[ $_local == *"$_port" && $_kind:$_state == @(tcp:0A|udp:07) ]] && return
		done < "$_file"
	done
	return 1
}

# refuse_this_vm NAME KEY: for clients: dies if the server NAME is this VM itself. That is the case for rapido-server
# if no server was booted first. KEY is the conf key that can name another server.
refuse_this_vm() {
	local _names
	while read -r _ _names; do
		[[ " $_names " != *" $1 "* || " $_names " != *" rapido$RAPIDO_VM_NUM "* ]] ||
			die "$1 is this VM itself: boot the server first, or set $2 to another server"
	done < /etc/hosts
}

# find_address VARIABLE NAME: finds the first address of a host with /etc/hosts or DNS. NAME may be an address. The cut
# must have getent in its programs.
find_address() {
	local _address
	read -r _address _ < <(getent ahosts "$2") || die "$2 has no known address"
	printf -v "$1" %s "$_address"
}

# start_daemon PLACE COMMAND [ARGUMENT…]: starts a daemon in its own session and waits until it listens at PLACE (see
# is_listening), for 30 s at most. The daemon may fork into the background. Its output is in
# /rapido/results/COMMAND.log, which `rapido run` keeps, and is shown if it fails.
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

# Succeeds if the daemon listens, or if waiting is pointless because it has failed.
_has_come_up() {
	is_listening "$2" && return
	kill -0 "$1" 2> /dev/null && return 1
	# A daemon that has forked into the background exited with 0.
	! wait "$1" 2> /dev/null
}
