#!/bin/bash
# Stands in for udevd, for tests of block devices that take for granted what only it does. Runs before their
# own script. Disks of scsi_debug get their driver, and `udevadm settle` waits for them. In /dev/mapper stand links to
# /dev/dm-N instead of nodes: by them tests find a device in sysfs.
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

# A function, for what makes mapped devices: libdevmapper replaces a link by a node, and stumbles over one
# that leads nowhere.
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
