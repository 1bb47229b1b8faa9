# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# KTAP for shell tests; the kernel's own helpers are younger than 6.1. A test point is a function: what it prints
# is shown as diagnostics, its status 0 is "ok", 4 "SKIP" with its last line as the reason, any other "not ok".
# POSIX sh, as guests may have no other.

ktap_skip=4
ktap_run=0
ktap_failed=0
ktap_passed=0

# plan N: how many points will follow.
ktap_plan()
{
	ktap_planned=$1
	echo "TAP version 13"
	echo "1..$1"
}

# Ends a program that has nothing to test here.
ktap_skip_all()
{
	echo "TAP version 13"
	echo "1..0 # SKIP $*"
	exit "$ktap_skip"
}

# skip REASON: what a point says last when it cannot be tried.
skip()
{
	echo "$*"
	return "$ktap_skip"
}

# point FUNCTION [ARGUMENT]...
ktap_point()
{
	ktap_run=$((ktap_run + 1))
	ktap_said=$("$@" 2>&1)
	ktap_status=$?
	[ -z "$ktap_said" ] || printf '%s\n' "$ktap_said" | sed 's/^/# /'
	case $ktap_status in
	0)
		ktap_passed=$((ktap_passed + 1))
		echo "ok $ktap_run $1"
		;;
	"$ktap_skip")
		echo "ok $ktap_run $1 # SKIP $(printf '%s\n' "$ktap_said" | tail -n 1)"
		;;
	*)
		ktap_failed=$((ktap_failed + 1))
		echo "not ok $ktap_run $1"
		;;
	esac
}

# Ends the program with the status the kernel's runner expects.
ktap_end()
{
	echo "# Totals: pass:$ktap_passed fail:$ktap_failed skip:$((ktap_run - ktap_passed - ktap_failed))"
	if [ "$ktap_run" -ne "$ktap_planned" ]; then
		echo "# planned $ktap_planned points, ran $ktap_run"
		exit 1
	fi
	[ "$ktap_failed" -eq 0 ] || exit 1
	[ "$ktap_passed" -ne 0 ] || exit "$ktap_skip"
	exit 0
}
