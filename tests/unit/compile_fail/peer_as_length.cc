// SPDX-License-Identifier: GPL-2.0-only
#include <cstddef>
#include <cstring>
#include <xenpv/peer.hpp>

void copy(void *to, const void *from, xenpv::peer<size_t> length)
{
#ifdef XENPV_MISUSE
	std::memcpy(to, from, length);
#else
	std::memcpy(to, from, length.at_most(64).value_or(0));
#endif
}
