// SPDX-License-Identifier: GPL-2.0-only
#include <cstdint>
#include <xenpv/peer.hpp>

uint32_t sum(const uint32_t *values, xenpv::peer<uint32_t> count)
{
	uint32_t total = 0;
#ifdef XENPV_MISUSE
	for (uint32_t i = 0; i < count; ++i)
#else
	for (uint32_t i = 0; i < count.at_most(11).value_or(0); ++i)
#endif
		total += values[i];
	return total;
}
