// SPDX-License-Identifier: GPL-2.0-only
// The whole C++ runtime.
#include "runtime.h"

#include <kapi/log.h>

void __cxa_pure_virtual()
{
	kapi_bug("pure virtual call");
	// objtool does not know that kapi_bug ends here; ud2 tells it.
	__builtin_trap();
}
