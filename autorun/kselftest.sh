#!/bin/bash
# Makes an installed kselftest tree ready: gives tests the time they need in an emulated VM, and says
# which collections there are.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

install='make -C tools/testing/selftests install (INSTALL_PATH=DIRECTORY)'
[[ -x run_kselftest.sh && -r kselftest/runner.sh ]] ||
	die "$PWD is no installed kselftest: $install makes one"
[[ -s kselftest-list.txt ]] || die "$PWD/kselftest-list.txt names no test: $install"

factor=${KSELFTEST_TIMEOUT_FACTOR-}
[[ -n $factor || ${RAPIDO_EMULATED-} != 1 ]] || factor=10
: "${factor:=1}"

# Seconds that a test gets whose collection says nothing.
default=45
while IFS= read -r line; do
	[[ $line =~ ^export\ kselftest_default_timeout=([0-9]+) ]] && default=${BASH_REMATCH[1]}
done < kselftest/runner.sh

declare -A collections=()
while IFS=: read -r collection _; do
	[[ -z $collection ]] || collections[$collection]=1
done < kselftest-list.txt

# Multiplies the limit in a file `settings`, or adds one. 0 is no limit.
lengthen() {
	local line lines=() seconds=
	if [[ -r $1 ]]; then
		while IFS= read -r line || [[ -n $line ]]; do
			if [[ $line =~ ^timeout=\"?([0-9]+)\"?[[:blank:]]*$ ]]; then
				seconds=$((10#${BASH_REMATCH[1]} * factor))
				line=timeout=$seconds
			fi
			lines+=("$line")
		done < "$1"
	fi
	[[ -n $seconds ]] || lines+=("timeout=$((default * factor))")
	printf '%s\n' "${lines[@]}" > "$1"
}

if ((factor > 1)); then
	for collection in "${!collections[@]}"; do
		[[ ! -d $collection ]] || lengthen "$collection/settings"
	done
fi

# What an earlier boot of this run has told is skipped (status 4): the runner has no way to leave it out.
while IFS=: read -r collection test; do
	is_done "$collection/${test##*/}" || continue
	rm -f "$collection/$test"
	printf '#!/bin/sh\nexit 4\n' > "$collection/$test"
	chmod +x "$collection/$test"
done < kselftest-list.txt

# Called where there is perl. sed is as good.
printf '#!/bin/sh\nexec sed -u "s/^/# /"\n' > kselftest/prefix.pl
chmod +x kselftest/prefix.pl

echo "kselftest: ${!collections[*]} (time limits: times $factor)"
[[ ! -t 0 ]] || echo "./run_kselftest.sh -c COLLECTION, or -t COLLECTION:TEST; -l lists all"
