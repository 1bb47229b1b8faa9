#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# check-cxx-object.sh OBJECT: fails on what the module loader would silently not
# do (run constructors), refuse late (common symbols), or what needs a C++ or
# libgcc runtime that a kernel does not have.
o=$1
rc=0
fail()
{
	echo "$o: error: $*" >&2
	rc=1
}

sections=$(${READELF:-readelf} -SW "$o" | sed -n 's/^ *\[ *[0-9]*\] \([^ ]*\) .*/\1/p') || exit 1
symbols=$(${NM:-nm} "$o") || exit 1
[ -n "$sections" ] || { fail "not an ELF object"; exit 1; }

has_section()
{
	printf '%s\n' "$sections" | grep -qE "^\\.($1)(\\.|\$)"
}
# The functions of such sections, and how many of them are KASAN's: a kernel that has it runs those when it loads a
# module, and needs no end of them.
functions()
{
	n=0
	for size in $(${READELF:-readelf} -SW "$o" |
		sed -nE "s/^ *\[ *[0-9]+\] \.($1)(\.[^ ]*)? +[A-Z_]+ +[0-9a-f]+ +[0-9a-f]+ +([0-9a-f]+) .*/\3/p"); do
		n=$((n + 0x$size / 8))
	done
	echo "$n"
}
of_kasan()
{
	printf '%s\n' "$symbols" | grep -c " t _sub_$1_65535_"
}
[ "$(functions 'init_array|ctors|preinit_array')" = "$(of_kasan I)" ] ||
	fail "dynamic initialiser: nobody runs it (use constinit)"
[ "$(functions 'fini_array|dtors')" = "$(of_kasan D)" ] || fail "global destructor: nobody runs it"
has_section 'gcc_except_table|eh_frame' && fail "exception or unwind table"
has_section 'tbss|tdata' && fail "thread_local"
has_section 'group' && fail "COMDAT group left: see cmd_xenpv_ungroup in Kbuild.cxx"

# One line "ADDRESS TYPE NAME" or "TYPE NAME" per symbol.
named()
{
	printf '%s\n' "$symbols" | awk -v types="$1" -v names="$2" \
		'index(types, $(NF - 1)) && $NF ~ names { printf " %s", $NF }'
}
found=$(named C .)
[ -z "$found" ] || fail "common symbol:$found"
found=$(named TtVvWwBbDdRrUu '^(_ZTI|_ZTS)|^__dynamic_cast$|^_ZTVN10__cxxabiv')
[ -z "$found" ] || fail "RTTI:$found"
found=$(named BbDdVvWwUu '^_ZGV')
[ -z "$found" ] || fail "function-local static with a dynamic initialiser:$found"

# What is undefined here must come from the kernel, kapi or our own objects.
runtime='^__cxa_(guard|atexit|throw|rethrow|begin_catch|end_catch|allocate|free|bad|thread|vec|deleted|demangle|call|get|init)'
runtime="$runtime|^_Unwind_|^__gxx_|^__dso_handle\$|^__tls_get_addr\$|^__stack_chk_guard\$"
found=$(named Uwv "$runtime")
[ -z "$found" ] || fail "needs the C++ runtime:$found"
found=$(named Uwv '^_Z(nw|na|dl|da)[^_]*')
[ -z "$found" ] || fail "global operator new or delete (name the context: xenpv::make_owned):$found"
found=$(named U '^_ZN?K?(St|9__gnu_cxx)')
[ -z "$found" ] || fail "needs libstdc++:$found"
libgcc='^__(popcount|parity|clz|ctz|ffs|clrsb|bswap)[sdt]i2$|^__u?(div|mod|divmod)[sdt]i[34]$|^__mul[sdtov]*i[34]$'
libgcc="$libgcc|^__(ashl|ashr|lshr)[sdt]i3\$|^__(add|sub|mul|div|neg|pow)[sdtx]f[23]\$"
libgcc="$libgcc|^__(eq|ne|lt|le|gt|ge|unord|cmp)[sdtx]f2\$|^__(float|fix|extend|trunc)[a-z]*[sdtx][if]"
libgcc="$libgcc|^__(atomic|sync)_"
found=$(named U "$libgcc")
[ -z "$found" ] || fail "needs libgcc or libatomic:$found"
found=$(named U '^(abort|exit|_exit|atexit|malloc|calloc|realloc|free|printf|puts|fprintf|__assert_fail)$')
[ -z "$found" ] || fail "needs libc:$found"

found=$(${OBJDUMP:-objdump} -d --no-show-raw-insn "$o" |
	grep -m1 -E '%(st|xmm|ymm|zmm|mm[0-7])|[[:space:]]f(ld|st|add|mul|div|sub|ild|ist|com|xch)')
[ -z "$found" ] || fail "floating point or vector instruction: $found"
exit $rc
