/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libstdc++ 12 hard-codes _GLIBCXX_HOSTED=1 even under -ffreestanding, so
 * <atomic> and friends drag in gthreads/errno/stdlib.  Interpose on the
 * configuration header and switch the library to its freestanding subset
 * (libstdc++ >= 13 does this by itself: _GLIBCXX_HOSTED == __STDC_HOSTED__).
 */
#ifndef XENPV_CXXCOMPAT_CONFIG_H
#define XENPV_CXXCOMPAT_CONFIG_H
#include_next <bits/c++config.h>
#undef _GLIBCXX_HOSTED
#define _GLIBCXX_HOSTED 0
#undef _GLIBCXX_HAS_GTHREADS
#undef _GLIBCXX_HAVE_LINUX_FUTEX
/*
 * Checked span/array/optional: trap in place.  A call to the out-of-line,
 * noreturn std::__glibcxx_assert_fail() would be a dead end objtool cannot see.
 */
#undef __glibcxx_assert
#define __glibcxx_assert(cond)                            \
	do {                                              \
		if (__builtin_expect(!bool(cond), false)) \
			__builtin_trap();                 \
	} while (false)
#endif
