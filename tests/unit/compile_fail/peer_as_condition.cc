// SPDX-License-Identifier: GPL-2.0-only
#include <cstdint>
#include <xenpv/peer.hpp>

int choose(xenpv::peer<uint8_t> operation)
{
#ifdef XENPV_MISUSE
	return operation ? 1 : 0;
#else
	return operation.is(1) ? 1 : 0;
#endif
}
