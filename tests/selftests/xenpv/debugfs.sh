#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What debugfs shows of connected devices: for root only, readable by programs, and consistent.
cd "$(dirname "$0")" || exit 1
. ./ktap.sh
. ./devices.sh

files_are_for_root_only()
{
	for file in "$debugfs"/*/*; do
		[ "$(stat -c '%a %u' "$file")" = "400 0" ] || { stat -c '%n: %a, user %u' "$file"; return 1; }
	done
}

each_device_has_its_files()
{
	for file in $(queue_files); do
		dir=${file%/*}
		queues=$(awk '/^queues / { print $2 }' "$file")
		[ -e "$dir/grants" ] || { echo "$dir: no grants"; return 1; }
		found=$(find "$dir" -name 'event-q*' | wc -l)
		[ "$found" -eq "$queues" ] || { echo "$dir: $found event channels, $queues queues"; return 1; }
	done
}

# Whether anybody else uses the devices while we look.
quiet()
{
	settled "$@" || { skip "the device is in use: $*"; return; }
}

queue_counters_agree()
{
	for file in $(queue_files); do
		text=$(quiet "$file") || { echo "$text"; return 4; }
		printf '%s\n' "$text" | awk -v end="${file##*/}" -f counters.awk || { echo "in $file"; return 1; }
	done
}

# The same counts by two ways: the channel's own file, and the queue that owns the channel.
event_files_agree_with_queues()
{
	for file in $(queue_files); do
		for channel in "${file%/*}"/event-q*; do
			text=$(quiet "$file" "$channel") || { echo "$text"; return 4; }
			number=${channel##*-q}
			printf '%s\n' "$text" | awk -v number="$number" '
				$1 == "queue" { mine = $2 == number }
				mine && /^  / { queue[$1] = $2 }
				/^(cpu|received|spurious|sent|suppressed) [0-9]+$/ { channel[$1] = $2; n++ }
				END {
					exit !(n == 5 && channel["received"] == queue["events_received"] &&
						channel["spurious"] == queue["events_spurious"] &&
						channel["sent"] == queue["notifications_sent"] &&
						channel["suppressed"] == queue["notifications_suppressed"])
				}' || { echo "$channel:"; cat "$channel" "$file"; return 1; }
		done
	done
}

grants_are_accounted_for()
{
	for file in $(queue_files); do
		grants=${file%/*}/grants
		text=$(quiet "$file" "$grants") || { echo "$text"; return 4; }
		printf '%s\n' "$text" | awk -v end="${file##*/}" '
			$1 == "kept_frames" { kept += $2 }
			$1 == "errors" { errors += $2 }
			/^(in_use|peak|cached|parked|parked_total|exhausted|mapped) [0-9]+$/ { grants[$1] = $2; n++ }
			function wrong(text) { print text; bad = 1 }
			END {
				if (n != 7) wrong(n + 0 " of 7 values")
				if (grants["in_use"] > grants["peak"]) wrong("more in use than ever")
				if (grants["parked"] > grants["parked_total"]) wrong("more parked than ever")
				if (grants["parked"] > 0) wrong("a peer keeps frames it has no use for")
				# A frontend grants at least its ring; a backend grants nothing, and at rest it
				# has mapped what it keeps.
				if (end == "blkfront" && grants["in_use"] < 1) wrong("no ring is granted")
				if (end == "blkback" && grants["in_use"] > 0) wrong("a backend that grants")
				if (end == "blkback" && !errors && grants["mapped"] != kept)
					wrong("mapped " grants["mapped"] ", kept " kept)
				exit bad
			}' || { cat "$grants"; return 1; }
	done
}

# sum FILE NAME: of all queues.
sum()
{
	awk -v name="$2" '$1 == name { sum += $2 } END { print sum + 0 }' "$1"
}

# Sixteen reads of a page, each waited for.
own_requests_are_counted()
{
	disk=$(readable_disk)
	device=$(device_of_disk "$disk")
	file=$debugfs/$device/blkfront
	[ -n "$device" ] || { skip "no disk of xenpv_blkfront here"; return; }
	quiet "$file" "$debugfs/$device/grants" >/dev/null || { skip "$disk is in use"; return; }
	names="requests responses segments bytes pushes notifications_sent notifications_suppressed errors"
	for name in $names; do
		eval "was_$name=$(sum "$file" "$name")"
	done
	dd if="/dev/$disk" of=/dev/null bs=4096 count=16 iflag=direct 2>/dev/null || { echo "reading failed"; return 1; }
	for name in $names; do
		eval "more_$name=\$(( $(sum "$file" "$name") - was_$name ))"
		eval "echo $name \$more_$name"
	done
	# shellcheck disable=SC2154 # assigned by eval
	[ "$more_requests" -ge 16 ] && [ "$more_responses" -eq "$more_requests" ] &&
		[ "$more_segments" -ge 16 ] && [ "$more_bytes" -ge 65536 ] && [ "$more_errors" -eq 0 ] &&
		[ "$more_pushes" -ge 1 ] && [ "$more_pushes" -le "$more_requests" ] &&
		[ $((more_notifications_sent + more_notifications_suppressed)) -eq "$more_pushes" ]
}

need_debugfs
ktap_plan 6
ktap_point files_are_for_root_only
ktap_point each_device_has_its_files
ktap_point queue_counters_agree
ktap_point event_files_agree_with_queues
ktap_point grants_are_accounted_for
ktap_point own_requests_are_counted
ktap_end
