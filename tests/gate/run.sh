#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The build rule under test: each wrong file must not become an object, and must say
# why; a clean one must; touching a header rebuilds its includers and nothing else.
# KDIR= or KVER= choose the kernel, as for the top-level Makefile.
set -u
# Run by make or not: its job server is not for these builds.
unset MAKEFLAGS MFLAGS MAKELEVEL
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$root/build/gate
if [ -z "${KDIR:-}" ]; then
	newest=$(printf '%s\n' /lib/modules/6.1.*-amd64/build | sort -V | tail -1)
	KDIR=${KVER:+/lib/modules/$KVER/build}
	KDIR=${KDIR:-$newest}
fi
[ -d "$KDIR" ] || { echo "no kernel headers in $KDIR" >&2; exit 1; }

passed=0
failed=0
check() # NAME STATUS: one line, and the count
{
	if [ "$2" -eq 0 ]; then
		echo "ok     $1"
		passed=$((passed + 1))
	else
		echo "FAILED $1"
		failed=$((failed + 1))
	fi
}

build() # DIR ARGS...: kbuild, as the top-level Makefile calls it
{
	local dir=$1
	shift
	make -k -j"$(nproc)" -C "$KDIR" M="$dir" CONFIG_DEBUG_INFO_BTF_MODULES= XENPV_WERROR=1 "$@" modules 2>&1
}

fresh() # DIR: an empty kbuild directory with our rule
{
	rm -rf "$1"
	mkdir -p "$1"
	echo "include $root/kernel/Kbuild.cxx" >"$1/Kbuild"
}

# --- what must not pass ------------------------------------------------------

wrong=$scratch/wrong
fresh "$wrong"
declare -A said # case -> the message it must cause
case_of() # NAME MESSAGE [FLAGS]: the source is on stdin
{
	{ echo "// Made by tests/gate/run.sh."; cat; } >"$wrong/$1.cc"
	echo "obj-m += $1.o" >>"$wrong/Kbuild"
	[ -z "${3:-}" ] || echo "CXXFLAGS_$1.o := $3" >>"$wrong/Kbuild"
	said[$1]=$2
}

case_of dynamic_initialiser 'dynamic initialiser' <<'END'
extern "C" int compute();
int value = compute();
END
case_of global_destructor 'global destructor' <<'END'
struct holder {
	constexpr holder() = default;
	~holder();
};
constinit holder global;
END
case_of sanitized_initialiser 'dynamic initialiser' '-fsanitize=kernel-address --param asan-globals=1' <<'END'
extern "C" int compute();
int value = compute();
END
case_of local_static 'function-local static with a dynamic initialiser' <<'END'
extern "C" int compute();
extern "C" int once();
int once()
{
	static int value = compute();
	return value;
}
END
case_of guarded_static '__cxa_guard_acquire' -fthreadsafe-statics <<'END'
extern "C" int compute();
extern "C" int once();
int once()
{
	static int value = compute();
	return value;
}
END
case_of atexit '__cxa_atexit' -fuse-cxa-atexit <<'END'
struct holder {
	constexpr holder() = default;
	~holder();
};
constinit holder global;
END
case_of throw_refused 'exception handling disabled' <<'END'
extern "C" void fail();
void fail()
{
	throw 1;
}
END
case_of exceptions 'exception or unwind table' -fexceptions <<'END'
extern "C" void fail();
extern "C" int survive();
int survive()
{
	try {
		fail();
	} catch (...) {
		return 1;
	}
	return 0;
}
END
case_of typeid_refused "cannot use 'typeid' with '-fno-rtti'|cannot use .typeid. with .-fno-rtti." <<'END'
#include <typeinfo>
extern "C" const char *name_of(int v);
const char *name_of(int v)
{
	return typeid(v).name();
}
END
case_of rtti 'RTTI:' -frtti <<'END'
struct shape {
	virtual int area() const;

protected:
	~shape() = default;
};
int shape::area() const
{
	return 0;
}
END
case_of floating_point_refused 'SSE register|SSE disabled|soft-float' <<'END'
extern "C" double half(double v);
double half(double v)
{
	return v / 2;
}
END
case_of floating_point 'floating point or vector instruction' '-msse2 -mhard-float' <<'END'
extern "C" int scaled(int v, const double *by);
int scaled(int v, const double *by)
{
	return static_cast<int>(v * *by);
}
END
case_of vector 'floating point or vector instruction' -msse2 <<'END'
typedef long long pair __attribute__((vector_size(16)));
extern "C" void add(pair *to, const pair *what);
void add(pair *to, const pair *what)
{
	*to += *what;
}
END
case_of common_symbol 'common symbol: shared_count' <<'END'
asm(".comm shared_count, 8, 8");
END
case_of thread_local_data 'thread_local' <<'END'
extern "C" int *mine();
int *mine()
{
	static thread_local int value;
	return &value;
}
END
case_of operator_new 'global operator new or delete .* _Znwm' <<'END'
extern "C" int *make();
int *make()
{
	return new int(1);
}
END
case_of virtual_destructor 'global operator new or delete .* _ZdlPv' <<'END'
struct shape {
	virtual ~shape();
};
shape::~shape() = default;
END
case_of std_throw 'needs libstdc\+\+: .*__throw_out_of_range' <<'END'
#include <array>
extern "C" int at(const std::array<int, 4> &a, unsigned long i);
int at(const std::array<int, 4> &a, unsigned long i)
{
	return a.at(i);
}
END
case_of abort_call 'needs libc: abort' <<'END'
extern "C" void stop(int why);
void stop(int why)
{
	if (why)
		__builtin_abort();
}
END
case_of malloc_call 'needs libc: malloc' <<'END'
extern "C" void *malloc(unsigned long);
extern "C" void *get();
void *get()
{
	return malloc(8);
}
END
case_of popcount 'needs libgcc or libatomic: __popcountdi2' <<'END'
#include <bit>
extern "C" int bits(unsigned long v);
int bits(unsigned long v)
{
	return std::popcount(v);
}
END
case_of wide_division 'needs libgcc or libatomic: __udivti3' <<'END'
extern "C" unsigned long ratio(unsigned __int128 *v, unsigned long by);
unsigned long ratio(unsigned __int128 *v, unsigned long by)
{
	return static_cast<unsigned long>(*v / by);
}
END
case_of wide_atomic 'needs libgcc or libatomic: __atomic_' <<'END'
extern "C" void copy(unsigned __int128 *to, unsigned __int128 *from);
void copy(unsigned __int128 *to, unsigned __int128 *from)
{
	*to = __atomic_load_n(from, __ATOMIC_RELAXED);
}
END
case_of kernel_header 'linux/types.h: No such file' <<'END'
#include <linux/types.h>
END
case_of warning 'unused variable' <<'END'
extern "C" void nothing();
void nothing()
{
	int unused;
}
END

out=$(build "$wrong")
for name in $(printf '%s\n' "${!said[@]}" | sort); do
	# The compiler names the source, the gate the object.
	printf '%s\n' "$out" | grep -E "/$name\.(o|cc):" | grep -qE -- "${said[$name]}" && [ ! -e "$wrong/$name.o" ]
	status=$?
	check "refused: $name" $status
	[ $status -eq 0 ] || printf '%s\n' "$out" | grep -E "/$name\.(o|cc)" | sed 's/^/       /'
done

# Only a rule without its ungroup step leaves groups behind.
groups=$scratch/groups
fresh "$groups"
echo 'obj-m += comdat.o' >>"$groups/Kbuild"
cat >"$groups/comdat.cc" <<'END'
[[gnu::noinline]] inline int twice(int v) { return 2 * v; }
extern "C" int use(int v);
int use(int v) { return twice(v); }
END
build "$groups" cmd_xenpv_ungroup= | grep -q 'comdat.o: error: COMDAT group left'
check 'refused: comdat_group' $?

# --- what must pass, and what is rebuilt -----------------------------------

# A kernel with KASAN runs the constructors that make its globals known; this one has no such functions to link with.
sanitized=$scratch/sanitized
fresh "$sanitized"
echo 'obj-m += sanitized.o' >>"$sanitized/Kbuild"
echo 'CXXFLAGS_sanitized.o := -fsanitize=kernel-address --param asan-globals=1' >>"$sanitized/Kbuild"
cat >"$sanitized/sanitized.cc" <<'END'
extern "C" int look(unsigned i);
constinit int table[4] = {1};
int look(unsigned i) { return table[i]; }
END
build "$sanitized" >/dev/null
[ -e "$sanitized/sanitized.o" ] && nm "$sanitized/sanitized.o" | grep -q __asan_register_globals
check 'accepted: constructors of KASAN' $?

right=$scratch/right
fresh "$right"
cat >>"$right/Kbuild" <<'END'
obj-m += gate.o
gate-y := module.o one.o two.o
END
cat >"$right/module.c" <<'END'
#include <linux/module.h>
MODULE_LICENSE("GPL");
END
cat >"$right/shared.hpp" <<'END'
#pragma once
#include <array>
#include <atomic>
#include <optional>
#include <span>
inline std::atomic<unsigned> calls{0};
// Not inlined, in two objects: one definition must be left.
template <typename T>
[[gnu::noinline]] std::optional<T> first(std::span<const T> values)
{
	calls.fetch_add(1, std::memory_order_relaxed);
	return values.empty() ? std::nullopt : std::optional<T>(values[0]);
}
END
echo '#pragma once' >"$right/one.hpp"
for n in one two; do
	cat >"$right/$n.cc" <<END
#include "shared.hpp"
extern "C" int $n(const int *values, unsigned long n);
int $n(const int *values, unsigned long n)
{
	return first(std::span(values, n)).value_or(0);
}
END
done
sed -i '1i #include "one.hpp"' "$right/one.cc"

out=$(build "$right")
[ -e "$right/gate.ko" ]
check 'accepted: clean files' $?
! printf '%s\n' "$out" | grep -qi 'warning'
check 'no warning from compiler, objtool or modpost' $?
[ "$(nm "$right/one.o" "$right/two.o" | grep -c ' W _Z5firstI')" -eq 2 ] &&
	[ "$(nm "$right/gate.ko" | grep -c ' [WT] _Z5firstI')" -eq 1 ]
check 'one definition of what two objects share' $?

made() # what kbuild makes in the directory now, in one line
{
	build "$right" | sed -n 's/^  \(CC\|CXX\|LD\) *\(\[M\]\)* *.*\/\([a-z.]*\)$/\3/p' | sort | tr '\n' ' '
}
[ -z "$(made)" ]
check 'rebuilt: nothing when nothing changed' $?
touch "$right/one.hpp"
[ "$(made)" = 'gate.ko gate.o one.o ' ]
check 'rebuilt: the one includer of a header' $?
touch "$right/shared.hpp"
[ "$(made)" = 'gate.ko gate.o one.o two.o ' ]
check 'rebuilt: all includers of a header' $?
echo 'CXXFLAGS_two.o := -DNEW' >>"$right/Kbuild"
[ "$(made)" = 'gate.ko gate.o two.o ' ]
check 'rebuilt: what has new flags' $?

# --- questions to the compiler -----------------------------------------------

asked=$scratch/asked
rm -rf "$asked"
mkdir -p "$asked"
# What every kernel has, what none has, and questions to this one, which is a header of three lines.
cat >"$asked/kernel.h" <<'END'
struct one;
int named(struct one *of);
#define macro(x) named(x)
END
ask() # FIRST-LINES: the header made, or what was said
{
	cat - "$here/questions.c" >"$asked/questions.c"
	"$root/kernel/probe.sh" "$asked/questions.c" "$asked/out/kernel.h" "${@:-gcc-12}" -I"$asked" -c 2>&1 &&
		cat "$asked/out/kernel.h"
}
out=$(ask <<<'#include "kernel.h"')
for name in NAMED_RIGHT MACRO_RIGHT; do
	grep -q "^#define XENPV_$name 1$" <<<"$out"
	check "probed: there is $name" $?
done
for name in NAMED_NO NAMED_MORE NAMED_OF_TYPE MACRO_OF_TYPE FIELD_NO; do
	grep -q "^/\* no XENPV_$name:" <<<"$out"
	check "probed: there is no $name" $?
done
! out=$(ask <<<'#include "no_such.h"') && grep -q 'no_such.h: No such file' <<<"$out" &&
	grep -q 'the compiler cannot say what this kernel has' <<<"$out" && [ ! -e "$asked/out/kernel.h" ]
check 'probed: nothing when a header is missing' $?
! out=$(ask no-such-compiler <<<'#include "kernel.h"') && grep -q 'no-such-compiler' <<<"$out"
check 'probed: nothing without a compiler' $?
! out=$(ask true <<<'#include "kernel.h"') && grep -q 'cannot say' <<<"$out"
check 'probed: nothing when all is said to be there' $?

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
