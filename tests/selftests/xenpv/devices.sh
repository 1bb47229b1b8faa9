# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034
# Finds what of xenpv is in this domain. Reads XENPV_DISK: a disk that is ours and whose content and users nobody
# will miss, which the destructive tests insist on.

debugfs=/sys/kernel/debug/xenpv
front_driver=/sys/bus/xen/drivers/xenpv_blkfront
back_driver=/sys/bus/xen-backend/drivers/xenpv_blkback

# Names of devices that a driver of ours serves, as xenbus has them.
devices_of()
{
	for at in "$1"/vbd-*; do
		[ ! -e "$at" ] || echo "${at##*/}"
	done
}

# The driver modules that are loaded here.
our_drivers()
{
	for at in xenpv_blkfront xenpv_blkback; do
		[ ! -d /sys/module/$at ] || echo $at
	done
}

# The disk of a frontend's device.
disk_of()
{
	for at in "$front_driver/$1"/block/*; do
		[ ! -d "$at" ] || echo "${at##*/}"
	done
}

# The frontend's device that has a disk.
device_of_disk()
{
	for one in $(devices_of "$front_driver"); do
		[ "$(disk_of "$one")" != "$1" ] || echo "$one"
	done
}

# The disk that may be read here: the one named, else the first.
readable_disk()
{
	if [ -n "${XENPV_DISK:-}" ]; then
		basename "$XENPV_DISK"
		return
	fi
	for one in $(devices_of "$front_driver"); do
		disk_of "$one"
	done | head -n 1
}

# Every file of a connected device in debugfs that shows its queues.
queue_files()
{
	for at in "$debugfs"/*/blkfront "$debugfs"/*/blkback; do
		[ -r "$at" ] && [ "$(head -n 1 "$at")" = "state connected" ] && echo "$at"
	done
	return 0
}

# need_debugfs: ends the program where there is nothing to see.
need_debugfs()
{
	[ "$(id -u)" -eq 0 ] || ktap_skip_all "only root sees debugfs"
	[ -d "$debugfs" ] || ktap_skip_all "no $debugfs: xenpv_kapi is not loaded, or debugfs not mounted"
	[ -n "$(queue_files)" ] || ktap_skip_all "no device of xenpv is connected"
}

# settled FILE...: prints the files once two looks in a row agree, or fails when they never do.
settled()
{
	settled_before=
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		settled_now=$(cat "$@") || return 1
		if [ "$settled_now" = "$settled_before" ]; then
			printf '%s\n' "$settled_now"
			return 0
		fi
		settled_before=$settled_now
		sleep 0.3
	done
	return 1
}
