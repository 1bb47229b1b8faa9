// SPDX-License-Identifier: GPL-2.0-only
#include <xenpv/result.hpp>

xenpv::result<int> attempt();
xenpv::result<void> attempt_void();

xenpv::result<void> caller()
{
#ifdef XENPV_MISUSE
	attempt();
	attempt_void();
#else
	static_cast<void>(XENPV_TRY(attempt()));
	XENPV_CHECK(attempt_void());
#endif
	return {};
}
