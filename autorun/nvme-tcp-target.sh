#!/bin/bash
# Serves a zram device, or a disk given with the serial BACKING, over NVMe/TCP: an nvmet subsystem with one
# namespace, and a port for each of IPv4 and IPv6. Any host may connect.
set -eu

# shellcheck source=/dev/null
. /rapido/lib.sh

load_modules nvmet=CONFIG_NVME_TARGET nvmet-tcp=CONFIG_NVME_TARGET_TCP
mount_once configfs /sys/kernel/config
backing=''
need_disk backing BACKING

target=/sys/kernel/config/nvmet
subsystem=$target/subsystems/$NVME_TARGET_NQN
namespace=$subsystem/namespaces/1

# listen PORT FAMILY ADDRESS
listen() {
	local port=$target/ports/$1
	[[ ! -e $port/subsystems/$NVME_TARGET_NQN ]] || return 0
	mkdir -p "$port"
	echo tcp > "$port/addr_trtype"
	echo "$2" > "$port/addr_adrfam"
	echo "$3" > "$port/addr_traddr"
	echo 4420 > "$port/addr_trsvcid"
	ln -s "$subsystem" "$port/subsystems/$NVME_TARGET_NQN" || die "no NVMe/TCP port on $3 (see dmesg)"
}

mkdir -p "$namespace" || die "$NVME_TARGET_NQN (NVME_TARGET_NQN) cannot be the name of a subsystem"
read -r enabled < "$namespace/enable"
if [[ $enabled == 0 ]]; then
	echo 1 > "$subsystem/attr_allow_any_host"
	echo -n "$backing" > "$namespace/device_path"
	echo 1 > "$namespace/enable" || die "$backing cannot be served (see dmesg)"
fi
listen 1 ipv4 0.0.0.0
if [[ -e /proc/net/if_inet6 ]]; then
	# Without this, an IPv6 port also accepts IPv4, and the second of the two ports is rejected.
	echo 1 > /proc/sys/net/ipv6/bindv6only
	listen 2 ipv6 ::
fi

echo "serving $backing as $NVME_TARGET_NQN, NVMe/TCP port 4420"
