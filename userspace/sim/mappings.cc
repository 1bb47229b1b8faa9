// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/mappings.hpp>
#include <userspace/sim/world.hpp>

#include <kapi/grant.h>

namespace xenpv::sim {

int32_t mappings::map(domain &mapper, uint32_t domid, uint32_t ref, page *at, bool readonly, uint32_t *handle)
{
	auto &w = world::get();
	domain *granter = w.find(domid);
	if (granter == nullptr)
		return bad_domain;
	const std::lock_guard held(mutex_);
	if (!at->foreign || at->mapped) {
		violation("a grant is mapped where no free foreign page is");
		return KAPI_GNTST_GENERAL_ERROR;
	}
	page *target = nullptr;
	if (const int32_t status = granter->grants().reach(ref, mapper.id(), !readonly, true, &target); status != 0)
		return status;
	w.memory().alias(at, *target, readonly);
	*handle = next_++;
	entries_[*handle] = {granter, ref, at};
	++w.live().mappings;
	return KAPI_GNTST_OKAY;
}

int32_t mappings::unmap(uint32_t handle, const page *at)
{
	auto &w = world::get();
	const std::lock_guard held(mutex_);
	const auto found = entries_.find(handle);
	if (found == entries_.end() || found->second.at != at) {
		violation("something is unmapped that is not mapped");
		return bad_handle;
	}
	if (w.memory().busy(at))
		violation("a page is unmapped that somebody still holds");
	w.memory().unalias(found->second.at);
	found->second.granter->grants().unmap(found->second.ref);
	entries_.erase(found);
	--w.live().mappings;
	return KAPI_GNTST_OKAY;
}

int32_t mappings::replace(uint32_t handle, page *at)
{
	auto &w = world::get();
	const std::lock_guard held(mutex_);
	const auto found = entries_.find(handle);
	if (found == entries_.end() || found->second.at != at) {
		violation("something is replaced that is not mapped");
		return bad_handle;
	}
	w.memory().replace(at);
	found->second.granter->grants().unmap(found->second.ref);
	entries_.erase(found);
	--w.live().mappings;
	return KAPI_GNTST_OKAY;
}

} // namespace xenpv::sim
