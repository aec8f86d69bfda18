#!/bin/bash
# Shows the network that this VM has: its addresses, and who it knows by name. Ends well only if there
# is an address that others can reach.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

cards=$(ip -brief address show up scope global)
[[ -n $cards ]] || die 'there is no network: was the VM booted with --net none?'
# The state between name and addresses is left out: a card that has just been set up may say DOWN.
while read -r card _ addresses; do
	echo "$card $addresses"
done <<< "$cards"
echo 'names:'
while read -r address names; do
	[[ " $names " == *' localhost '* || -z $names ]] || echo "  $address $names"
done < /etc/hosts
# Somebody watches when the input is a terminal.
if [[ -t 0 ]]; then
	echo 'Look around; shutdown or exit ends the VM, Ctrl-a x kills it.'
fi
