#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# probe.sh PROBES.C HEADER COMPILER...: asks the compiler, called as for an object of a module, which of the
# functions in PROBES.C this kernel can have, and writes the names of those to HEADER.
set -eu

source=$1
header=$2
shift 2
log=$header.log
rm -f "$header"
mkdir -p "$(dirname "$header")"

# One call for all: gcc is to go on after errors, and to say where a macro is used, not where it is from.
clang=$("$@" -dM -E -x c /dev/null 2>/dev/null | grep -c '__clang__' || true)
if [ "$clang" = 0 ]; then
	set -- "$@" -fmax-errors=0 -ftrack-macro-expansion=0
else
	set -- "$@" -ferror-limit=0
fi
LC_ALL=C "$@" -Wno-error -Werror=implicit-function-declaration -Werror=int-conversion \
	-Werror=incompatible-pointer-types -fsyntax-only "$source" 2>"$log" || true

{
	printf '/* SPDX-License-Identifier: GPL-2.0-only */\n/* Made by probe.sh from probes.c. */\n'
	sed -n 's/^#line 1 "\(XENPV_[A-Z0-9_]*\)"$/\1/p' "$source" | while read -r name; do
		said=$(grep -m 1 "^$name:[0-9:]* error:" "$log" | sed 's#[*]/#* /#g; s#/[*]#/ *#g')
		if [ -z "$said" ]; then
			echo "#define $name 1"
		else
			echo "/* no $said */"
		fi
	done
} >"$header.new"

# The compiler did not get as far as the functions, or finds no fault with anything.
if ! grep -q '^#define XENPV_ALWAYS 1$' "$header.new" || grep -q '^#define XENPV_NEVER_' "$header.new" ||
	grep ' error:' "$log" | grep -qv '^XENPV_'; then
	grep -v '^XENPV_[A-Z0-9_]*:' "$log" | head -n 20 >&2 || true
	echo "$source: the compiler cannot say what this kernel has: $*" >&2
	exit 1
fi
mv "$header.new" "$header"
rm -f "$log"
