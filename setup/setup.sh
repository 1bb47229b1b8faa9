#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Installs what setup/packages lists. Safe to interrupt and to repeat: when nothing is missing it asks dpkg
# once and returns within a second. Every failure says what to do about it; tests/setup provokes them.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
need_mib=4096 # packages about 2 GiB, image of the test bed with its scratch tree about 2 GiB

say() { printf 'setup: [%4ds] %s\n' "$SECONDS" "$*"; }
fail() {
    printf 'setup: failed: %s\n' "$1" >&2
    printf 'setup: what to do: %s\n' "$2" >&2
    exit 1
}

listed() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$here/packages"; }

# shellcheck disable=SC2016 # ${...} in the format is dpkg-query's, not the shell's
# dpkg-query exits 1 for a package it has never heard of, which is an answer here, not an error.
missing() {
    comm -23 <(listed | sort -u) \
        <(listed | xargs dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null |
            sed -n 's/^.i  *//p' | sort -u)
}

check_machine() {
    local id='' version=''
    [ "$(uname -m)" = x86_64 ] ||
        fail "this is $(uname -m), xenpv is built and tested on x86_64 only" "use an x86_64 machine"
    if [ -r /etc/os-release ]; then
        id=$(sed -n 's/^ID=//p' /etc/os-release)
        version=$(sed -n 's/^VERSION_ID=//p' /etc/os-release | tr -d '"')
    fi
    [ "$id $version" = "debian 12" ] ||
        fail "this is '${id:-unknown} ${version}', the package list is for Debian 12" \
            "use a Debian 12 machine or container, or install the equivalents of setup/packages by hand"
}

check_can_install() {
    local free_mib dir
    [ "$(id -u)" = 0 ] || fail "packages are missing ($*) and this is not root" "run: sudo $here/setup.sh"
    for dir in /usr /var/cache/apt "$here"; do
        free_mib=$(df -Pm "$dir" | awk 'NR == 2 { print $4 }')
        [ "$free_mib" -ge "$need_mib" ] ||
            fail "$dir has $free_mib MiB free, $need_mib MiB are needed" "free some space there and repeat"
    done
}

# Another package manager may hold dpkg's lock for a while: wait for it instead of failing.
apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
        -o Dpkg::Use-Pty=0 "$@"
}

# What a failed apt says about itself in the log, as advice.
advice() {
    if grep -qE 'No space left on device|enough free space' "$log"; then
        echo "free some space where the log says ($log) and repeat"
    elif grep -qE 'Could not resolve|Temporary failure|[Cc]ould not connect|Failed to fetch|unreachable' "$log"; then
        echo "see whether the network and Debian's archive can be reached (apt-get update), and repeat"
    elif grep -qE 'interrupted|unexpectedly' "$log"; then
        echo "if it was interrupted (Ctrl-C), run it again, it goes on from there; else read $log"
    else
        echo "read $log; repeating this script is safe"
    fi
}

# A slow line takes minutes: says now and then how far apt is.
pulse() {
    while sleep 15 >/dev/null 2>&1; do
        say "$(tail -n 1 "$log" | cut -c 1-90)"
    done
}

# dpkg stopped half-way refuses everything until it has been told to go on, and apt until all that is
# installed has what it needs.
mend() {
    say "an earlier installation was interrupted: finishing it first"
    dpkg --configure -a --force-confold </dev/null >>"$log" 2>&1 ||
        say "dpkg could not finish all of it, apt may know what is missing"
    apt -f install >>"$log" 2>&1 || {
        tail -n 15 "$log" >&2
        fail "dpkg was interrupted earlier and cannot be mended" "run: dpkg --configure -a; apt-get -f install"
    }
}

check_machine
mapfile -t todo < <(missing)
if [ "${#todo[@]}" = 0 ]; then
    say "all $(listed | wc -l) packages are installed"
    exit 0
fi

check_can_install "${todo[@]}"
log=$(mktemp /tmp/xenpv-setup.XXXXXX.log) || fail "no log can be written to /tmp" "free some space there and repeat"
say "${#todo[@]} packages are missing: ${todo[*]}"
say "refreshing the package lists (log: $log)"
# A third-party source that does not answer is no reason to stop: whether Debian's own did shows below.
apt update >>"$log" 2>&1 || say "apt-get update reported errors, going on with the lists there are"
if [ -n "$(dpkg --audit 2>&1)" ] || [ -n "$(ls /var/lib/dpkg/updates)" ]; then
    mend
fi
apt-get -s install --no-install-recommends "${todo[@]}" >>"$log" 2>&1 || {
    tail -n 15 "$log" >&2
    fail "apt knows no way to install the missing packages" \
        "see whether the network and Debian's archive can be reached: apt-get update"
}
say "installing"
pulse &
trap 'kill %1 2>/dev/null' EXIT
apt install --no-install-recommends "${todo[@]}" >>"$log" 2>&1 || {
    tail -n 25 "$log" >&2
    fail "apt-get install did not finish" "$(advice)"
}
mapfile -t todo < <(missing)
[ "${#todo[@]}" = 0 ] || fail "still missing after the install: ${todo[*]}" "read $log"
rm -f "$log"
say "done"
