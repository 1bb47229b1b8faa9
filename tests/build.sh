#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Builds the modules for each series of kernels and reads what the build said: a warning of any tool is a failure.
# Then clang-tidy, which needs the build's own command lines.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

passed=0 failed=0
log=build/modules.log
mkdir -p build
result() {
    if [ "$1" = 0 ]; then
        echo "ok   $2"
        passed=$((passed + 1))
    else
        echo "FAIL $2"
        failed=$((failed + 1))
    fi
}

# no_warnings LOG NAME: BTF is skipped for want of the kernel's own: Debian's 6.1 headers have none.
no_warnings() {
    local found
    found=$(grep -iE 'warning|objtool:|modpost:' "$1" | grep -v 'Skipping BTF')
    [ -z "$found" ]
    result $? "$2"
    [ -z "$found" ] || echo "$found"
}

# Warnings that are no errors are said once, when an object is made: all are made anew.
stale() { find "$@" -name '*.o' -delete 2>/dev/null; }

stale kernel grant evtchn xen-front xen-back
make -j"$(nproc)" modules >"$log" 2>&1
built=$?
result "$built" "modules build"
[ "$built" = 0 ] || tail -n 30 "$log"
no_warnings "$log" "compiler, objtool and modpost have no warnings"

# The other series of kernels, in copies of the tree; the last has a compiler of its own, in a chroot.
for series in 6.12 7; do
    stale "build/kernels/$series"
    tests/system/xenbed modules "$series" >build/series.log 2>&1
    built=$?
    result "$built" "modules build for a kernel $series"
    [ "$built" = 0 ] || tail -n 30 build/series.log
    no_warnings "build/kernels/$series.log" "nor have they any for a kernel $series"
done

make compile_commands.json >>"$log" 2>&1
result $? "compile_commands.json"
git ls-files -co --exclude-standard -- '*.cc' | grep -E '^(grant|evtchn|xen-front|xen-back)/' |
    xargs -r clang-tidy --quiet -p . 2>build/tidy.log
result $? "clang-tidy"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
