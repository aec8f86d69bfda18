#!/bin/bash
# Prepares a VM for xfstests: devices, the test filesystem, a configuration in the tree, and the
# command fstests-check. /etc/fstests/choice sets the filesystem; the conf keys are in the environment.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

# shellcheck source=/dev/null
. /etc/fstests/choice
: "${FSTYP:?}" "${OVERLAY:?}" "${FSTESTS_SRC:?}"
[[ -x $FSTESTS_SRC/check ]] || die "$FSTESTS_SRC has no executable file check: is it an xfstests tree?"
[[ -x $FSTESTS_SRC/ltp/fsstress ]] || die "$FSTESTS_SRC is not built: make -C $FSTESTS_SRC"
[[ -z ${FSTESTS_EXPUNGE-} || -f /etc/fstests/expunge ]] ||
	die "FSTESTS_EXPUNGE: there was no file $FSTESTS_EXPUNGE when the image was cut"

# The generated configuration, which check reads from the tree.
config=local.config
declare -A device=([TEST_DEV]='' [SCRATCH_DEV]='' [SCRATCH_LOGDEV]='' [SCRATCH_RTDEV]='')
pool=()

# Selects disks and zram devices by name. If there are disks for the pool, it contains only disks. On btrfs, each
# scratch device is part of the pool, and check uses the first as SCRATCH_DEV.
choose_devices() {
	local serial path disks=()
	while read -r serial; do
		[[ -n $serial ]] || continue
		path=${RAPIDO_DISKS[$serial]}
		if [[ $serial == SCRATCH_DEV_POOL* || ($FSTYP == btrfs && $serial == SCRATCH_DEV) ]]; then
			pool+=("$path")
			[[ $path == /dev/zram* ]] || disks+=("$path")
		elif [[ -v device[$serial] ]]; then
			device[$serial]=$path
		fi
	done < <(printf '%s\n' "${!RAPIDO_DISKS[@]}" | sort)
	((${#disks[@]} == 0)) || pool=("${disks[@]}")
	((${#pool[@]} == 0)) || device[SCRATCH_DEV]=
	[[ -n ${device[TEST_DEV]} ]] || die_without TEST_DEV
	[[ -n ${device[SCRATCH_DEV]} ]] || ((${#pool[@]} > 0)) || die_without SCRATCH_DEV
}

die_without() {
	die "there is no disk with the serial number $1, and FSTESTS_ZRAM_SIZE is 0"
}

make_filesystem_on() {
	local options=()
	read -r -a options <<< "${MKFS_OPTIONS-}"
	[[ $FSTYP != udf ]] || ((${#options[@]} > 0)) ||
		options=(--utf8 --blocksize=4096 --media-type=hd)
	make_filesystem "$FSTYP" "$1" "${options[@]}"
}

# A share has no devices. xfstests uses two directories in it, whose files it deletes.
use_share() {
	local share options words server=${NFS_SERVER-}
	if [[ $FSTYP == nfs ]]; then
		refuse_this_vm "$server" NFS_SERVER
		load_modules nfs=CONFIG_NFS_FS
		# An IPv6 address must be in brackets.
		[[ $server != *:* || $server == \[* ]] || server="[$server]"
		share=$server:/${NFS_SHARE#/}
		options=${NFS_MOUNT_OPTS-}
	else
		refuse_this_vm "$CIFS_SERVER" CIFS_SERVER
		load_modules cifs=CONFIG_CIFS
		share=//$CIFS_SERVER/$CIFS_SHARE
		options=credentials=/etc/cifs-credentials${CIFS_MOUNT_OPTS:+,$CIFS_MOUNT_OPTS}
	fi
	[[ $share != *[[:space:]]* ]] || die "xfstests cannot use $share: its name contains a blank"
	options=${options:+-o ${options#-o }}
	MOUNT_OPTIONS="$options${options:+${MOUNT_OPTIONS:+ }}${MOUNT_OPTIONS-}"
	read -r -a words <<< "$MOUNT_OPTIONS"
	mount_filesystem "$FSTYP" "$share" /mnt/share "${words[@]}"
	mkdir -p /mnt/share/xfstests-test /mnt/share/xfstests-scratch
	umount /mnt/share
	device[TEST_DEV]=$share/xfstests-test
	device[SCRATCH_DEV]=$share/xfstests-scratch
}

mount_test_filesystem() {
	local options=()
	read -r -a options <<< "${MOUNT_OPTIONS-}"
	mount_filesystem "$FSTYP" "${device[TEST_DEV]}" /mnt/test "${options[@]}"
}

write_config() {
	local name
	echo "FSTYP=$FSTYP"
	echo 'TEST_DIR=/mnt/test'
	echo 'SCRATCH_MNT=/mnt/scratch'
	for name in "${!device[@]}"; do
		[[ -z ${device[$name]} ]] || echo "export $name=${device[$name]}"
	done
	[[ -z ${device[SCRATCH_LOGDEV]}${device[SCRATCH_RTDEV]} ]] || echo 'export USE_EXTERNAL=yes'
	((${#pool[@]} == 0)) || printf 'export SCRATCH_DEV_POOL="%s"\n' "${pool[*]}"
	[[ -z ${MKFS_OPTIONS-} ]] || printf 'export MKFS_OPTIONS=%q\n' "$MKFS_OPTIONS"
	[[ -z ${MOUNT_OPTIONS-} ]] ||
		printf 'export MOUNT_OPTIONS=%q TEST_FS_MOUNT_OPTS=%q\n' "$MOUNT_OPTIONS" "$MOUNT_OPTIONS"
	[[ $FSTYP != udf || -f src/udf_test ]] || echo 'export DISABLE_UDF_TEST=1'
	# shellcheck disable=SC2154 # guest/init exports it
	# Write the results to the host directly, so that a crash of the kernel loses none.
	[[ ${rapido_run-} != 1 ]] || echo 'export RESULT_BASE=/rapido/results'
}

# Passes FSTESTS_OPTIONS, the lists of excluded tests and the option for an overlay before the user's arguments, because
# options of check must precede the names of tests.
write_command() {
	cat > /usr/local/bin/fstests-check <<-'END'
		#!/bin/bash
		. /etc/fstests/choice
		cd "$FSTESTS_SRC" || exit
		read -r -a options <<< "${FSTESTS_OPTIONS-}"
		[[ $OVERLAY == 1 ]] && options=(-overlay "${options[@]}")
		[[ -f /etc/fstests/expunge ]] && options+=(-E /etc/fstests/expunge)
		# Tests that an earlier boot of this run has reported.
		[[ -f /rapido/tests-done ]] && options+=(-E /rapido/tests-done)
		exec ./check "${options[@]}" "$@"
	END
	chmod +x /usr/local/bin/fstests-check
}

read -r hostname < /proc/sys/kernel/hostname
if [[ $hostname == '(none)' ]]; then
	hostname=rapido
	echo "$hostname" > /proc/sys/kernel/hostname
fi
# With a network, the name is already in the file.
grep -q "[[:space:]]$hostname\([[:space:]]\|$\)" /etc/hosts || echo "127.0.0.1 $hostname" >> /etc/hosts
ln -sf /proc/self/mounts /etc/mtab
ip link set dev lo up
mkdir -p /mnt/test /mnt/scratch /usr/local/bin /home/fsgqa
chown fsgqa: /home/fsgqa
cd "$FSTESTS_SRC"

if [[ $FSTYP == tmpfs ]]; then
	device[TEST_DEV]=tmpfs_test
	device[SCRATCH_DEV]=tmpfs_scratch
elif [[ $FSTYP == nfs || $FSTYP == cifs ]]; then
	use_share
else
	load_modules "$FSTYP=CONFIG_${FSTYP^^}_FS"
	modprobe --quiet loop || :
	choose_devices
	make_filesystem_on "${device[TEST_DEV]}"
	# check does not create the base of an overlay on the scratch device; it creates all other scratch filesystems.
	[[ $OVERLAY == 0 ]] || make_filesystem_on "${device[SCRATCH_DEV]}"
fi
mount_test_filesystem
write_config > "$config"
write_command

findmnt --noheadings --output SOURCE,FSTYPE,TARGET /mnt/test
[[ ! -t 0 ]] || echo "Ready in $PWD: fstests-check -g quick, or ./check generic/001"
if [[ -n ${FSTESTS_AUTORUN_CMD-} && ${rapido_run-} != 1 ]]; then
	bash -c "$FSTESTS_AUTORUN_CMD"
fi
