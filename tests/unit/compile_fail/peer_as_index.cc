// SPDX-License-Identifier: GPL-2.0-only
#include <cstdint>
#include <xenpv/peer.hpp>

uint32_t look_up(const uint32_t (&table)[8], xenpv::peer<uint32_t> id)
{
#ifdef XENPV_MISUSE
	return table[id];
#else
	auto checked = id.below(8);
	return checked.ok() ? table[checked.value()] : 0;
#endif
}
