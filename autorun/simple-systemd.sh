#!/bin/bash
# Succeeds only if systemd is PID 1 and has finished its boot, no unit has failed, and the journal, udev,
# tmpfiles.d(5) and sysctl.d(5) work.
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
	die "systemd is $state and has not finished booting"
}
if [[ $state == degraded ]]; then
	systemctl --no-pager --failed
	die 'a unit has failed'
fi

for unit in systemd-journald systemd-udevd systemd-tmpfiles-setup; do
	systemctl --quiet is-active "$unit" || die "$unit is $(systemctl is-active "$unit")"
done
[[ -n $(journalctl --quiet --no-pager --output=cat --lines=1 _PID=1) ]] ||
	die 'the journal contains no message of systemd'
udevadm control --ping || die 'systemd-udevd does not answer'
[[ -d /run/user ]] || die 'systemd-tmpfiles has not created /run/user'
# Files of the cut simple-systemd, which other cuts may lack.
if [[ -e /etc/tmpfiles.d/simple-systemd.conf ]]; then
	[[ -e /run/simple-systemd ]] || die '/etc/tmpfiles.d was not applied'
fi
if [[ -e /etc/sysctl.d/simple-systemd.conf ]]; then
	read -r applied < /proc/sys/fs/lease-break-time
	((applied == 44)) || die "/etc/sysctl.d was not applied: fs.lease-break-time is $applied"
fi

echo "$(systemctl --version | head -1), $state: $(systemctl list-units --no-legend --state=active | wc -l) units are active"
[[ ! -t 0 ]] || echo 'You can use systemctl and journalctl; shutdown or exit ends the VM.'
