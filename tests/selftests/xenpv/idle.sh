#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# A device that nobody uses costs nothing: no event, no wakeup, no nap, no hypercall.
cd "$(dirname "$0")" || exit 1
. ./ktap.sh
. ./devices.sh

# busy BEFORE AFTER: requests came in between. Only then may any other counter have moved.
busy()
{
	[ "$(printf '%s\n' "$1" | grep '^  requests ')" != "$(printf '%s\n' "$2" | grep '^  requests ')" ]
}

nothing_moves_for_a_second()
{
	for file in $(queue_files); do
		dir=${file%/*}
		for try in 1 2 3 4 5; do
			before=$(cat "$file" "$dir"/event-q* "$dir/grants")
			sleep 1
			after=$(cat "$file" "$dir"/event-q* "$dir/grants")
			busy "$before" "$after" || break
			[ "$try" -lt 5 ] || { skip "$file: the device is in use"; return; }
		done
		# The last requests may have ended just after the first look: what counts is that it ends.
		if [ "$before" != "$after" ]; then
			before=$after
			sleep 1
			after=$(cat "$file" "$dir"/event-q* "$dir/grants")
		fi
		[ "$before" = "$after" ] && continue
		echo "$file before:"
		printf '%s\n' "$before"
		echo "after:"
		printf '%s\n' "$after"
		return 1
	done
}

need_debugfs
ktap_plan 1
ktap_point nothing_moves_for_a_second
ktap_end
