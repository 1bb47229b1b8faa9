/* SPDX-License-Identifier: GPL-2.0-only */
/* What the C++ compiler calls by name; implemented in runtime.cc. */
#ifndef XENPV_RUNTIME_H
#define XENPV_RUNTIME_H
#include <kapi/types.h>

KAPI_BEGIN
/* What a vtable slot of an abstract class holds. */
void __cxa_pure_virtual(void);
KAPI_END

#endif
