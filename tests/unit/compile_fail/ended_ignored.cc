// SPDX-License-Identifier: GPL-2.0-only
#include <grant/reference.hpp>

bool give_back(xenpv::grant::access &access)
{
#ifdef XENPV_MISUSE
	access.end();
	return true;
#else
	return access.end() == xenpv::grant::ended::returned;
#endif
}
