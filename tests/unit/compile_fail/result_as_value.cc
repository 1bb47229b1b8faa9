// SPDX-License-Identifier: GPL-2.0-only
#include <xenpv/result.hpp>

xenpv::result<int> attempt();

int caller()
{
#ifdef XENPV_MISUSE
	return attempt();
#else
	return attempt().value_or(0);
#endif
}
