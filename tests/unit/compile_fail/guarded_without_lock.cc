// SPDX-License-Identifier: GPL-2.0-only
#include <xenpv/guarded.hpp>

int read(xenpv::guarded<int> &value)
{
#ifdef XENPV_MISUSE
	return value.value_;
#else
	return value.with([](int &v) { return v; });
#endif
}
