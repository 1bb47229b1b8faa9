// SPDX-License-Identifier: GPL-2.0-only
#include <cstdint>
#include <xenpv/peer.hpp>

uint64_t end_of(xenpv::peer<uint64_t> sector)
{
#ifdef XENPV_MISUSE
	return sector + 8;
#else
	return sector.at_most(1000).value_or(0) + 8;
#endif
}
