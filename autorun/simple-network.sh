#!/bin/bash
# Prints the network of the VM: its addresses, and the names of other hosts. Succeeds only if the VM has an address
# that others can reach.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

cards=$(ip -brief address show up scope global)
[[ -n $cards ]] || die 'no network; was the VM booted with --net none?'
# The state between name and addresses is omitted: it may be DOWN for a card that has just been set up.
while read -r card _ addresses; do
	echo "$card $addresses"
done <<< "$cards"
echo 'names:'
while read -r address names; do
	[[ " $names " == *' localhost '* || -z $names ]] || echo "  $address $names"
done < /etc/hosts
# With a terminal as input, the VM is interactive.
if [[ -t 0 ]]; then
	echo 'Look around; shutdown or exit ends the VM, Ctrl-a x kills it.'
fi
