#!/bin/bash
# Replaces udevd, for tests of block devices that depend on it. Runs before their own script. It loads the driver for
# disks of scsi_debug, and `udevadm settle` waits for these disks. /dev/mapper contains links to /dev/dm-N instead
# of nodes, by which tests find a device in sysfs.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

modprobe --quiet --all sd_mod sg || :
programs=/usr/local/bin
mkdir -p "$programs"

cat > "$programs/udevadm" <<-'END'
	#!/bin/bash
	if [[ ${1-} != settle ]]; then
		[[ -x /usr/bin/udevadm ]] && exec /usr/bin/udevadm "$@"
		exit 1
	fi
	. /rapido/lib.sh
	have_settled() {
		local device type
		for device in /sys/class/scsi_device/*/device; do
			[[ -r $device/type ]] && read -r type < "$device/type" || continue
			[[ $type != 0 ]] || compgen -G "$device/block/*" > /dev/null || return
		done
	}
	succeeds_within 10 have_settled
END

# A function for programs that create mapped devices: libdevmapper replaces links with nodes, and fails if a link
# is dangling.
cat > /rapido/mapped-devices.sh <<-'END'
	link_mapped_devices() {
		local device name link
		for link in /dev/mapper/*; do
			[[ ! -L $link || -e $link ]] || rm -f "$link"
		done
		for device in /sys/block/dm-*; do
			[[ -r $device/dm/name ]] || continue
			read -r name < "$device/dm/name" || continue
			link=/dev/mapper/$name
			[[ ! -b $link || -L $link ]] || ln -sf "../${device##*/}" "$link"
		done
	}
END

chmod +x "$programs/udevadm"
for name in dmsetup lvm lvcreate lvchange lvconvert lvremove vgcreate vgchange vgremove; do
	[[ ! -e $programs/$name ]] || continue
	program=$(type -P "$name") || continue
	cat > "$programs/$name" <<-END
		#!/bin/bash
		. /rapido/mapped-devices.sh
		link_mapped_devices
		$program "\$@"
		status=\$?
		link_mapped_devices
		exit \$status
	END
	chmod +x "$programs/$name"
done
