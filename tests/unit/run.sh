#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Builds and runs the unit tests: run.sh [plain|asan|tsan]...   (all three by default)
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
jobs=$(nproc)
[ $# -gt 0 ] || set -- plain asan tsan

# A sanitizer that finds something says where, and fails the test.
ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=0:second_deadlock_stack=1}
export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS

# What was compiled before, in any checkout, is not compiled again: debug information names no absolute path of ours, and
# the precompiled header is looked at by content.
cache=${XENPV_CACHE:-/var/cache/xenpv}/ccache
if command -v ccache >/dev/null && mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ]; then
	CCACHE_DIR=$cache CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=2G
	CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
	export CCACHE_DIR CCACHE_BASEDIR CCACHE_NOHASHDIR CCACHE_MAXSIZE CCACHE_SLOPPINESS
	launcher=ccache
fi

failed=
for kind in "$@"; do
	case $kind in
	plain | asan | tsan) ;;
	*)
		echo "usage: $0 [plain|asan|tsan]..." >&2
		exit 2
		;;
	esac
	dir=$root/build/unit-$kind
	mkdir -p "$root/build"
	echo "== $kind: building"
	cmake -S "$root" -B "$dir" -G Ninja -DXENPV_KIND="$kind" -DCMAKE_CXX_COMPILER="${CXX:-g++}" \
		-DCMAKE_C_COMPILER_LAUNCHER="${launcher:-}" -DCMAKE_CXX_COMPILER_LAUNCHER="${launcher:-}" >"$dir.log" 2>&1 || {
		cat "$dir.log" >&2
		exit 1
	}
	cmake --build "$dir" --parallel "$jobs"
	# TSan wants its memory layout, which some kernels' address randomisation breaks.
	run=
	if [ "$kind" = tsan ]; then
		run="setarch $(uname -m) -R"
	fi
	echo "== $kind: running"
	# shellcheck disable=SC2086 # $run is a command and its arguments
	$run ctest --test-dir "$dir" --output-on-failure --parallel "$jobs" || failed="$failed $kind"
done
if [ -n "$failed" ]; then
	echo "failed:$failed" >&2
	exit 1
fi
