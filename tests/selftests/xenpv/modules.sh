#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The modules of xenpv: all layers live, nothing wrong with the kernel since.
cd "$(dirname "$0")" || exit 1
. ./ktap.sh
. ./devices.sh

layers="xenpv_kapi xenpv_grant xenpv_evtchn"

layers_are_live()
{
	for module in $layers $(our_drivers); do
		state=$(cat "/sys/module/$module/initstate" 2>&1)
		[ "$state" = live ] || { echo "$module: $state"; return 1; }
	done
}

# The order in which they may be unloaded is what these references say.
layers_hold_each_other()
{
	for driver in $(our_drivers); do
		for module in $layers; do
			[ -e "/sys/module/$module/holders/$driver" ] ||
				{ echo "$module is not held by $driver"; return 1; }
		done
	done
}

# Out of tree (O) and unsigned (E) is all that may be said of ours.
modules_taint_no_more_than_they_must()
{
	for module in $layers $(our_drivers); do
		taint=$(cat "/sys/module/$module/taint")
		case $taint in
		*[!OE]*) echo "$module: taint $taint"; return 1 ;;
		esac
	done
}

kernel_is_not_tainted_otherwise()
{
	mask=$(cat /proc/sys/kernel/tainted)
	echo "taint mask $mask"
	[ $((mask & ~12288)) -eq 0 ]
}

# Only lines of the kernel's own (facility 0): anybody may write to its log.
kernel_lines()
{
	dmesg -r 2>/dev/null | awk '/^<[0-7]>/'
}

no_splat_since_load()
{
	lines=$(kernel_lines)
	[ -n "$lines" ] || { skip "the kernel's log cannot be read"; return; }
	# The first module of ours is announced; where that has left the buffer, all of it counts.
	printf '%s\n' "$lines" | awk '
		/xenpv_[a-z]+: loading out-of-tree module/ { found = "" }
		# "WARNING: See https://..." is how a boot speaks of the processor: no fault.
		/BUG: |kernel BUG at|WARNING: (CPU|possible|suspicious|inconsistent|bad unlock)|Oops: / ||
		/general protection|Call Trace|UBSAN: |KASAN: |refcount_t: |list_(add|del) corruption/ ||
		/soft lockup|hard LOCKUP|detected stall|self-detected stall|blocked for more than/ {
			found = found $0 "\n"
		}
		END { printf "%s", found; exit found != "" }'
}

[ -n "$(our_drivers)" ] || ktap_skip_all "neither xenpv_blkfront nor xenpv_blkback is loaded"
ktap_plan 5
ktap_point layers_are_live
ktap_point layers_hold_each_other
ktap_point modules_taint_no_more_than_they_must
ktap_point kernel_is_not_tainted_otherwise
ktap_point no_splat_since_load
ktap_end
