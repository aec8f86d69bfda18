#!/bin/bash
# Runs after boot in the simple-example cut. Copy it to write your own script; see docs/writing-cuts.md.
set -eu

read -r seconds _ < /proc/uptime
echo "Linux $(uname -r) was up in $seconds s; this is rapido's simple-example."
# With a terminal as input, the VM is interactive.
if [[ -t 0 ]]; then
	echo 'Look around; shutdown or exit ends the VM, Ctrl-a x kills it.'
fi
