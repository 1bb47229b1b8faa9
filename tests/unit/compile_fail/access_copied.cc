// SPDX-License-Identifier: GPL-2.0-only
#include <grant/reference.hpp>
#include <utility>

void share(xenpv::grant::access &access)
{
#ifdef XENPV_MISUSE
	xenpv::grant::access second = access;
#else
	xenpv::grant::access second = std::move(access);
#endif
}
