#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Builds tests/selftests/xenpv the kernel's way: inside the selftests tree of linux-source-6.1, with the kernel's own
# makefiles, installed to build/selftests/install together with the kernel's runner (run_kselftest.sh). Then once
# more standalone, outside a kernel tree, to build/selftests/standalone.
#
#   tests/selftests/build.sh            prints nothing but progress; ends at once when nothing has changed
#   SOURCE=/path/linux-source.tar.xz    another kernel's sources
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$root/build/selftests
tarball=${SOURCE:-/usr/src/linux-source-6.1.tar.xz}
log=$out/build.log
# Run by make or not: its options and its job server are not for these builds.
unset MAKEFLAGS MFLAGS MAKELEVEL

say() { echo "selftests: $*" >&2; }
die() {
    say "error: $*"
    exit 1
}

# logged WHAT COMMAND...: shows the log's end when it fails.
logged() {
    local what=$1 start=$SECONDS
    shift
    say "$what ..."
    if ! "$@" >>"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "$what failed after $((SECONDS - start)) s; all of it is in $log"
    fi
    say "$what: $((SECONDS - start)) s"
}

# What lib.mk and the selftests' Makefile read, and nothing else of 80 000 files.
wanted=(
    scripts/subarch.include
    tools/testing/selftests/Makefile
    tools/testing/selftests/lib.mk
    tools/testing/selftests/kselftest
    tools/testing/selftests/kselftest.h
    tools/testing/selftests/kselftest_harness.h
    tools/testing/selftests/run_kselftest.sh
)

# Under another name until it is whole: an interrupted run leaves nothing that looks finished.
unpack() {
    local top scratch=$out/.kernel
    rm -rf "$scratch" "$out"/kernel-*
    mkdir -p "$scratch"
    top=$(basename "$tarball" .tar.xz)
    tar -xf "$tarball" -C "$scratch" --strip-components=1 "${wanted[@]/#/$top/}" || return 1
    mv "$scratch" "$kernel"
}

# No headers_install: the tests use two old ioctls, for which libc's copy of the kernel's headers does. lib.mk
# adds a directory usr/include that does not exist, and compilers ignore that.
build_in_tree() {
    rm -rf "$kernel/tools/testing/selftests/xenpv" "$out/install"
    cp -r "$here/xenpv" "$kernel/tools/testing/selftests/xenpv"
    make -C "$kernel/tools/testing/selftests" TARGETS=xenpv FORCE_TARGETS=1 USERCFLAGS=-Werror \
        KSFT_INSTALL_PATH="$out/install" install
}

build_standalone() {
    mkdir -p "$out/standalone"
    make -C "$here/xenpv" KSFT="$kernel/tools/testing/selftests" OUTPUT="$out/standalone" USERCFLAGS=-Werror
}

# lib.mk copies files with rsync -a --copy-unsafe-links FILE... DIRECTORY, for which cp does as well.
stand_in_for_rsync() {
    mkdir -p "$out/bin"
    cat >"$out/bin/rsync" <<'END'
#!/bin/sh
[ "$1 $2" = "-a --copy-unsafe-links" ] || { echo "not the rsync this stands in for: $*" >&2; exit 1; }
shift 2
exec cp -aL "$@"
END
    chmod +x "$out/bin/rsync"
    PATH=$out/bin:$PATH
}

[ -r "$tarball" ] || die "no $tarball: run setup/setup.sh (package linux-source-6.1)"
for tool in make gcc tar xz; do
    command -v "$tool" >/dev/null || die "$tool is not installed: run setup/setup.sh"
done
mkdir -p "$out"
# One at a time: two test runs may want it at once.
exec 9>"$out/lock"
flock 9

# The tarball by name, size and time: reading 138 MB would take longer than the build.
kernel=$out/kernel-$(stat -c '%n %s %Y' "$tarball" | sha256sum | head -c 16)
key=$({
    echo "$kernel"
    find "$here" -type f -print0 | sort -z | xargs -0 stat -c '%n %a'
    find "$here" -type f -print0 | sort -z | xargs -0 cat
} | sha256sum | head -c 16)
if [ "$(cat "$out/key" 2>/dev/null)" = "$key" ]; then
    exit 0
fi
: >"$log"
rm -f "$out/key"
command -v rsync >/dev/null || stand_in_for_rsync
[ -d "$kernel" ] || logged "unpacking the selftests of $tarball" unpack
logged "building and installing with make TARGETS=xenpv" build_in_tree
logged "building standalone" build_standalone
echo "$key" >"$out/key"
