#!/bin/bash
# Ends well only if systemd is PID 1, has come to the end of its boot, and no unit of it has failed.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

read -r init < /proc/1/comm
[[ $init == systemd ]] || die "PID 1 is $init"

state=''
has_booted() {
	state=$(systemctl is-system-running) || :
	[[ $state == running || $state == degraded ]]
}
succeeds_within 60 has_booted || {
	systemctl --no-pager list-jobs
	die "systemd is $state: it has not come to the end of its boot"
}
if [[ $state == degraded ]]; then
	systemctl --no-pager --failed
	die 'a unit has failed'
fi
echo "$(systemctl --version | head -1), $state: $(systemctl list-units --no-legend --state=active | wc -l) units are active"
[[ ! -t 0 ]] || echo 'systemctl and journalctl are here; shutdown or exit ends the VM.'
