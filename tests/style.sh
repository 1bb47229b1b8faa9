#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Formatting and static checks of every language in the tree; each linter is one test.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

passed=0 failed=0
check() {
    local name=$1
    shift
    if "$@"; then
        echo "ok   $name"
        passed=$((passed + 1))
    else
        echo "FAIL $name"
        failed=$((failed + 1))
    fi
}

# Not yet committed files count too: that is when the check is of use.
files() { git ls-files -co --exclude-standard -- "$@"; }

scripts() { { files '*.sh'; files | xargs -r grep -lE '^#!/bin/(ba)?sh' 2>/dev/null; } | sort -u; }
# kbuild's and the selftests' own syntax is not what these read.
check shellcheck bash -c 'xargs -r shellcheck -x' < <(scripts)
check flake8 bash -c 'xargs -r flake8 --max-line-length 120' \
    < <({ files '*.py'; files | xargs -r grep -lE '^#!/usr/bin/python3' 2>/dev/null; } | sort -u)
check clang-format bash -c 'xargs -r clang-format --dry-run --Werror' < <(files '*.c' '*.h' '*.cc' '*.hpp')

spdx() {
    local missing
    missing=$(files | grep -vE '^(LICENSE|debian/changelog|debian/source/format|\.gitignore|.*\.json)$' | xargs -r grep -L 'SPDX-License-Identifier')
    [ -z "$missing" ] || { printf 'no SPDX line: %s\n' "$missing"; return 1; }
}
check "SPDX lines" spdx

# The border of the house: engines see no kernel header, and depend one way only.
borders() {
    local wrong
    wrong=$(
        files '*.cc' '*.hpp' | grep -vE '^(userspace|tests)/' |
            xargs -r grep -nHE '#[[:space:]]*include[[:space:]]*<(linux|asm|xen|net)/'
        files 'xen-front/*' | xargs -r grep -nHE '#include <xen-back/'
        files 'xen-back/*' | xargs -r grep -nHE '#include <xen-front/'
        files 'include/*' 'grant/*' 'evtchn/*' | xargs -r grep -nHE '#include <xen-(front|back)/'
        files 'include/*' | xargs -r grep -nHE '#include <(grant|evtchn)/'
    )
    [ -z "$wrong" ] || { printf 'crosses a border: %s\n' "$wrong"; return 1; }
}
check "borders between rooms" borders

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
