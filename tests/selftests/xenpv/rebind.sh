#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Takes the frontend off its device and puts it back: the disk returns with its data. XENPV_DISK names a disk whose
# content and users nobody will miss.
cd "$(dirname "$0")" || exit 1
. ./ktap.sh
. ./devices.sh

# in_use DISK: mounted, swapped to or part of something larger, whole or a partition of it.
in_use()
{
	grep -qE "^/dev/$1[0-9]* " /proc/mounts /proc/swaps && return 0
	[ -n "$(find "/sys/block/$1/holders" "/sys/block/$1/$1"*/holders -mindepth 1 2>/dev/null)" ]
}

await()
{
	for _ in $(seq 300); do
		"$@" && return 0
		sleep 0.1
	done
	return 1
}

disk_is_there()
{
	[ "$(disk_of "$device")" = "$disk" ] && [ -b "/dev/$disk" ] && [ "$(cat "/sys/block/$disk/size")" -gt 0 ]
}

# Random, so that nothing an earlier run left there can pass for it.
disk_takes_new_data()
{
	dd if=/dev/urandom of="$data" bs=65536 count=16 iflag=fullblock 2>/dev/null &&
		dd if="$data" of="/dev/$disk" bs=65536 oflag=direct
}

unbind_takes_the_disk_away()
{
	echo "$device" >"$front_driver/unbind" || return 1
	[ ! -e "/sys/block/$disk" ] || { echo "/sys/block/$disk is still there"; return 1; }
	[ ! -e "$debugfs/$device/blkfront" ] || { echo "$debugfs/$device/blkfront is still there"; return 1; }
}

bind_brings_it_back()
{
	echo "$device" >"$front_driver/bind" || return 1
	await disk_is_there || { echo "no $disk after 30 s"; return 1; }
}

size_is_the_same()
{
	now=$(cat "/sys/block/$disk/size")
	[ "$now" = "$size" ] || { echo "size was $size, is $now"; return 1; }
}

data_is_the_same()
{
	dd if="/dev/$disk" bs=65536 count=16 iflag=direct 2>/dev/null | cmp - "$data"
}

[ -d "$front_driver" ] || ktap_skip_all "xenpv_blkfront is not loaded"
[ -n "${XENPV_DISK:-}" ] || ktap_skip_all "XENPV_DISK does not name a disk that may be overwritten"
disk=$(basename "$XENPV_DISK")
device=$(device_of_disk "$disk")
[ -n "$device" ] || ktap_skip_all "$disk is no disk of xenpv_blkfront"
! in_use "$disk" || ktap_skip_all "$disk is in use"
size=$(cat "/sys/block/$disk/size")
[ "$size" -ge 2048 ] || ktap_skip_all "$disk is smaller than 1 MiB"
data=$(mktemp) || exit 1
trap 'rm -f "$data"' EXIT
ktap_plan 5
ktap_point disk_takes_new_data
ktap_point unbind_takes_the_disk_away
ktap_point bind_brings_it_back
ktap_point size_is_the_same
ktap_point data_is_the_same
ktap_end
