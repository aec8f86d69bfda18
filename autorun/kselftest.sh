#!/bin/bash
# Prepares an installed kselftest tree: increases the time limits in an emulated VM, and prints the collections.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

install='make -C tools/testing/selftests install (INSTALL_PATH=DIRECTORY)'
[[ -x run_kselftest.sh && -r kselftest/runner.sh ]] ||
	die "$PWD is not an installed kselftest; install it with $install"
[[ -s kselftest-list.txt ]] || die "$PWD/kselftest-list.txt contains no tests: $install"

factor=${KSELFTEST_TIMEOUT_FACTOR-}
[[ -n $factor || ${RAPIDO_EMULATED-} != 1 ]] || factor=10
: "${factor:=1}"

# Default time limit in seconds, for collections without their own.
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

# Skips tests that an earlier boot of this run has reported (status 4), because the runner cannot exclude tests.
while IFS=: read -r collection test; do
	is_done "$collection/${test##*/}" || continue
	rm -f "$collection/$test"
	printf '#!/bin/sh\nexit 4\n' > "$collection/$test"
	chmod +x "$collection/$test"
done < kselftest-list.txt

# The runner uses it if perl is available. sed is enough.
printf '#!/bin/sh\nexec sed -u "s/^/# /"\n' > kselftest/prefix.pl
chmod +x kselftest/prefix.pl

echo "kselftest: ${!collections[*]} (time limits: times $factor)"
[[ ! -t 0 ]] || echo "./run_kselftest.sh -c COLLECTION, or -t COLLECTION:TEST; -l lists all"
