#!/bin/bash
# Prepares a VM for the Linux Test Project. The same script is the command run-ltp:
#
#   run-ltp [-f FILE[,FILE]…] [-s PATTERN] [-c COMMAND]… [TEST or FILE]…
#
# runs the tests of files in runtest/ (by default `syscalls`), with -s only those whose names match an extended regular
# expression; or commands; or single tests of any such file. The output has the format of ltp-pan:
# https://github.com/linux-test-project/ltp. Exit status: 0, or 1 if a test failed.
set -u

# shellcheck source=/dev/null
. /rapido/lib.sh

set_up() {
	[[ -d runtest ]] || die "$PWD has no directory runtest: is it the Linux Test Project?"
	compgen -G 'testcases/*' > /dev/null || die "$PWD has no tests: run make install"
	ip link set dev lo up 2> /dev/null
	# Tests that need a block device create a loop device.
	modprobe --quiet loop
	mkdir -p /usr/local/bin
	ln -sf "$0" /usr/local/bin/run-ltp
	[[ ! -t 0 ]] || echo "Ready in $PWD: run-ltp -f math, or run-ltp -c getpid01"
	# shellcheck disable=SC2154 # guest/init exports it
	if [[ -n ${LTP_AUTORUN_CMD-} && ${rapido_run-} != 1 ]]; then
		set_environment
		bash -c "$LTP_AUTORUN_CMD"
	fi
}

set_environment() {
	local directory
	export LTPROOT=$LTP_DIR TMPDIR=/tmp LTP_COLORIZE_OUTPUT=n
	# Tests have their own time limits.
	[[ ${RAPIDO_EMULATED-} != 1 ]] || export LTP_TIMEOUT_MUL=${LTP_TIMEOUT_MUL:-10}
	if [[ -d testcases/bin ]]; then
		PATH=$PWD/testcases/bin:$PATH
	else
		# The tree was built but not installed.
		while read -r directory; do
			PATH=$directory:$PATH
		done < <(find "$PWD/testcases" -type f -perm -u+x -printf '%h\n' | sort -u)
	fi
	export PATH=$PWD/bin:$PATH
}

# Skips tests that an earlier boot of this run has reported. They still count when equal names are numbered.
leave_out_done() {
	local i name
	local -A count=()
	for i in "${!tags[@]}"; do
		name=${tags[i]}
		((++count[$name] == 1)) || name+="#${count[${tags[i]}]}"
		! is_done "$name" || commands[i]='exit 32'
	done
}

# Adds the tests of a runtest file to `tags` and `commands`.
read_runtest() {
	local file=$1 tag command
	[[ $file == */* ]] || file=runtest/$file
	[[ -r $file ]] || die "no $file in $PWD"
	while read -r tag command || [[ -n $tag ]]; do
		[[ -n $tag && $tag != '#'* ]] || continue
		[[ $tag =~ $pattern ]] || continue
		tags+=("$tag")
		commands+=("$command")
	done < "$file"
}

# Adds a runtest file, or a test of one, by its name.
add_named() {
	local tag command
	if [[ -f runtest/$1 ]]; then
		files+=("$1")
		return
	fi
	read -r tag command < <(awk -v tag="$1" '$1 == tag { print; exit }' runtest/*) ||
		die "no test or runtest file $1 in $PWD"
	tags+=("$tag")
	commands+=("$command")
}

# Runs a test in its own session, without input.
run_test() {
	local tag=$1 command=$2 begun=$SECONDS status type=exited
	printf '<<<test_start>>>\ntag=%s stime=%(%s)T\ncmdline="%s"\ncontacts=""\nanalysis=exit\n<<<test_output>>>\n' \
		"$tag" -1 "$command"
	echo "run-ltp: $tag" > /dev/kmsg
	setsid --wait bash -c "$command" < /dev/null 2>&1
	status=$?
	# 32: the test cannot be run here (TCONF).
	((status == 0 || status == 32)) || failed=1
	# The status of a command that was killed by a signal.
	((status <= 128)) || { type=signaled status=$((status - 128)); }
	printf '\n<<<execution_status>>>\ninitiation_status="ok"\nduration=%d termination_type=%s termination_id=%d corefile=no\n<<<test_end>>>\n' \
		$((SECONDS - begun)) "$type" "$status"
}

run_ltp() {
	local option files=() tags=() commands=() pattern='' failed=0 i
	while getopts f:s:c: option; do
		case $option in
		f) IFS=, read -r -a option <<< "$OPTARG" && files+=("${option[@]}") ;;
		s) pattern=$OPTARG ;;
		c) read -r option _ <<< "$OPTARG" && tags+=("${option##*/}") && commands+=("$OPTARG") ;;
		*) die 'usage: -f FILE[,FILE]... -s PATTERN -c COMMAND... TEST...' ;;
		esac
	done
	shift $((OPTIND - 1))
	cd "$LTP_DIR" || die "$LTP_DIR does not exist"
	for i; do add_named "$i"; done
	((${#files[@]} + ${#tags[@]} > 0)) || files=(syscalls)
	for i in "${files[@]}"; do read_runtest "$i"; done
	((${#tags[@]} > 0)) || die "no test in ${files[*]} matches $pattern"
	set_environment
	leave_out_done
	for i in "${!tags[@]}"; do run_test "${tags[i]}" "${commands[i]}"; done
	return "$failed"
}

case ${0##*/} in
run-ltp) run_ltp "$@" ;;
*) set_up ;;
esac
