#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# package.sh deb|srpm: builds the packages from a clean copy of the tracked files, as they are in the working tree.
# Output in build/packages; nothing is done when it is there and made of the same files.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-}
out=$PWD/build/packages
work=$out/.work-$kind
log=$out/$kind.log

say() { printf 'package: [%3ds] %s\n' "$SECONDS" "$*"; }
fail() {
    printf 'package: failed: %s\n' "$1" >&2
    printf 'package: what to do: %s\n' "$2" >&2
    exit 1
}
# Runs a long step with its output in the log; on failure the end of it is shown.
step() {
    say "$1"
    shift
    "$@" >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        fail "$* ended with $?" "see above, and $log"
    }
}

case $kind in
deb) needed="dpkg-buildpackage dh dh_dkms" patterns=('*.deb' '*.dsc' '*.changes') ;;
srpm) needed=rpmbuild patterns=('*.src.rpm') ;;
*) fail "'$kind' is no kind of package" "package.sh deb, or package.sh srpm" ;;
esac
for command in git $needed; do
    command -v "$command" >/dev/null || fail "$command is not installed" "run 'make setup'"
done
git rev-parse --is-inside-work-tree >/dev/null 2>&1 ||
    fail "this tree is not a git repository, which knows the files that belong to it" "git clone it, and repeat"

version=$(sed -n '1s/.*(\([^)]*\)).*/\1/p' debian/changelog)
[[ $version =~ ^[0-9][0-9A-Za-z.+~]*$ ]] ||
    fail "debian/changelog: '$version' is no version" "its first line must be: xenpv (VERSION) bookworm; urgency=medium"
name=xenpv-$version

# One file that is the same for the same files, whoever makes it and when.  Younger than 1984 is what archives demand.
stamp=$(sed -n 's/^ -- .*>  //p' debian/changelog | head -n 1)
export_tree() {
    git ls-files -z | while IFS= read -r -d '' file; do
        [ ! -e "$file" ] || printf '%s\0' "$file"
    done | tar -c --null -T - --sort=name --mtime="$stamp" --owner=0 --group=0 --numeric-owner \
        --mode=u=rwX,go=rX --transform "s|^|$name/|"
}

mkdir -p "$out"
exec {lock}>"$out/.lock"
flock "$lock"
key=$(export_tree | sha256sum | cut -d ' ' -f 1)
list() { for pattern in "${patterns[@]}"; do find "$out" -maxdepth 1 -name "$pattern"; done | sort; }
complete() {
    for pattern in "${patterns[@]}"; do
        [ -n "$(find "$out" -maxdepth 1 -name "$pattern")" ] || return
    done
}
if [ "$(cat "$out/.key-$kind" 2>/dev/null)" = "$key" ] && complete; then
    say "up to date:"
    list
    exit 0
fi

rm -rf "$work" "$out/.key-$kind"
for pattern in "${patterns[@]}"; do find "$out" -maxdepth 1 -name "$pattern" -delete; done
mkdir -p "$work"
: >"$log"
trap 'rm -rf "$work"' EXIT
say "$name: copying $(git ls-files | wc -l) tracked files (log: $log)"
export_tree | tar -x -C "$work"

if [ "$kind" = deb ]; then
    cd "$work/$name"
    step "dpkg-buildpackage" dpkg-buildpackage -us -uc
    cd "$work"
    mv ./*.deb ./*.dsc ./*.tar.xz ./*.changes ./*.buildinfo "$out/"
else
    mkdir -p "$work/SOURCES"
    step "tarball" tar -C "$work" -cJf "$work/SOURCES/$name.tar.xz" --sort=name --owner=0 --group=0 "$name"
    for spec in packaging/rpm/*.spec; do
        grep -qE "^Version: +${version//./\\.}\$" "$spec" ||
            fail "$spec has another version than debian/changelog, $version" "write it there, with a line in %changelog"
        step "rpmbuild -bs $spec" rpmbuild -bs --define "_topdir $work" "$spec"
    done
    mv "$work"/SRPMS/*.src.rpm "$out/"
fi
echo "$key" >"$out/.key-$kind"
say "done:"
list
