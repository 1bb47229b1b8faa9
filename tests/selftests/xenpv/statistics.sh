#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The backend's statistics in sysfs, which xl and xentop read. XENPV_BUSY=1 says that a guest keeps its disks busy.
cd "$(dirname "$0")" || exit 1
. ./ktap.sh
. ./devices.sh

names="rd_req wr_req f_req ds_req oo_req rd_sect wr_sect"

# numbers DEVICE: one line, in the order of names.
numbers()
{
	for name in $names; do
		cat "$back_driver/$1/statistics/$name" || return 1
	done | tr '\n' ' '
}

every_number_is_there()
{
	for device in $(devices_of "$back_driver"); do
		for name in $names; do
			value=$(cat "$back_driver/$device/statistics/$name" 2>&1)
			case $value in
			'' | *[!0-9]*) echo "$device: $name is '$value'"; return 1 ;;
			esac
		done
	done
}

numbers_never_fall()
{
	for device in $(devices_of "$back_driver"); do
		for _ in 1 2 3 4 5; do
			numbers "$device"
			echo
			sleep 0.2
		done | awk -v device="$device" '
			NF != 7 { print device ": " NF " numbers"; bad = 1 }
			{
				for (i = 1; i <= NF; i++) {
					if ($i + 0 < last[i] + 0) { print device ": " last[i] " became " $i; bad = 1 }
					last[i] = $i
				}
			}
			END { exit bad }' || return 1
	done
}

requests_have_sectors()
{
	for device in $(devices_of "$back_driver"); do
		numbers "$device" | awk -v device="$device" '{
			if ($1 > $6 || ($1 == 0) != ($6 == 0)) { print device ": " $1 " reads of " $6 " sectors"; exit 1 }
			if ($2 > $7 && $3 == 0) { print device ": " $2 " writes of " $7 " sectors"; exit 1 }
		}' || return 1
	done
}

# debugfs shows the queues of this connection, sysfs all of the device's life.
debugfs_agrees()
{
	[ -d "$debugfs" ] || { skip "no $debugfs"; return; }
	for device in $(devices_of "$back_driver"); do
		file=$debugfs/$device/blkback
		[ "$(head -n 1 "$file")" = "state connected" ] || continue
		text=$(settled "$file" "$back_driver/$device/statistics/rd_req" \
			"$back_driver/$device/statistics/rd_sect") || { skip "$device is in use"; return; }
		printf '%s\n' "$text" | awk -v device="$device" '
			$1 == "reads" { reads += $2 }
			$1 == "read_sectors" { sectors += $2 }
			NF == 1 { shown[++n] = $1 }
			END {
				if (n == 2 && shown[1] >= reads && shown[2] >= sectors) exit 0
				print device ": debugfs " reads " reads of " sectors ", sysfs " shown[1] " of " shown[2]
				exit 1
			}' || return 1
	done
}

numbers_grow_under_load()
{
	[ "${XENPV_BUSY:-0}" = 1 ] || { skip "nobody says that a disk is busy (XENPV_BUSY=1)"; return; }
	for device in $(devices_of "$back_driver"); do
		before=$(numbers "$device")
		sleep 3
		printf '%s\n%s\n' "$before" "$(numbers "$device")" | awk '
			NR == 1 { was = $1 + $2; sectors = $6 + $7 }
			NR == 2 { exit !($1 + $2 > was && $6 + $7 > sectors) }' && return 0
		echo "$device: $before, and three seconds later the same"
	done
	return 1
}

[ -d "$back_driver" ] || ktap_skip_all "xenpv_blkback is not loaded"
[ -n "$(devices_of "$back_driver")" ] || ktap_skip_all "xenpv_blkback serves no disk"
ktap_plan 5
ktap_point every_number_is_there
ktap_point numbers_never_fall
ktap_point requests_have_sectors
ktap_point debugfs_agrees
ktap_point numbers_grow_under_load
ktap_end
