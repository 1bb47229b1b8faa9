// SPDX-License-Identifier: GPL-2.0-only
#include <kapi/grant.h>
#include <xenpv/peer.hpp>

void aim(kapi_map_op &op, xenpv::peer<uint32_t> gref)
{
#ifdef XENPV_MISUSE
	op.ref = gref;
#else
	op.ref = gref.unchecked(xenpv::hypervisor_checks{});
#endif
}
