#!/bin/bash
# What the simple-example cut does once it is up. Copy it, and docs/writing-cuts.md, to start your own.
set -eu

read -r seconds _ < /proc/uptime
echo "Linux $(uname -r) was up in $seconds s; this is rapido's simple-example."
# Somebody watches when the input is a terminal.
if [[ -t 0 ]]; then
	echo 'Look around; shutdown or exit ends the VM, Ctrl-a x kills it.'
fi
