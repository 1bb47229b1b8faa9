// SPDX-License-Identifier: GPL-2.0-only
// How counters are shown in a debugfs file.
#pragma once
#include <kapi/debugfs.h>

#include <cstdint>

namespace xenpv {

// One counter of the object named above it.
inline void line(kapi_text *out, const char *name, uint64_t value)
{
	kapi_print(out, "  %s %llu\n", name, static_cast<unsigned long long>(value));
}

} // namespace xenpv
