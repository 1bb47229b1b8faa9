// SPDX-License-Identifier: GPL-2.0-only
// kapi_alloc on the process' heap, where ASan watches it.
#include <userspace/sim/context.hpp>
#include <userspace/sim/world.hpp>

#include <kapi/mem.h>

#include <cstdlib>

using xenpv::sim::world;

void *kapi_alloc(size_t size, kapi_context ctx)
{
	if (ctx == KAPI_MAY_SLEEP)
		xenpv::sim::might_sleep("kapi_alloc");
	auto &w = world::get();
	if (w.faults().allocation.strikes())
		return nullptr;
	void *p = std::calloc(1, size);
	w.live().memory += p != nullptr;
	return p;
}

void kapi_free(void *p)
{
	if (p == nullptr)
		return;
	std::free(p);
	--world::get().live().memory;
}
