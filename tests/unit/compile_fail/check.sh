#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# check.sh SOURCE MESSAGE COMPILER FLAG...: SOURCE compiles, and with -DXENPV_MISUSE
# fails with MESSAGE.
set -eu
source=$1
message=$2
shift 2
"$@" -fsyntax-only "$source" || {
	echo "the control variant of $source does not compile" >&2
	exit 1
}
if said=$("$@" -fsyntax-only -DXENPV_MISUSE "$source" 2>&1); then
	echo "$source compiles with the mistake in it" >&2
	exit 1
fi
echo "$said" | grep -q "error: .*$message" || {
	printf '%s\nfailed for another reason than: %s\n' "$said" "$message" >&2
	exit 1
}
