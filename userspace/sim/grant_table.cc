// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/grant_table.hpp>
#include <userspace/sim/world.hpp>

#include <kapi/grant.h>

namespace xenpv::sim {

grant_table::grant_table(uint32_t domid) : domid_(domid), entries_(default_size)
{
	for (uint32_t i = default_size; i-- > 0;)
		unused_.push_back(i);
}

void grant_table::set_size(uint32_t size)
{
	const std::lock_guard held(mutex_);
	size_ = size;
}

uint32_t grant_table::in_use() const
{
	const std::lock_guard held(mutex_);
	return in_use_;
}

grant_table::entry *grant_table::at(uint32_t ref)
{
	const uint32_t i = ref - first(domid_);
	return ref >= first(domid_) && i < entries_.size() ? &entries_[i] : nullptr;
}

bool grant_table::take(uint32_t *refs, uint32_t count)
{
	const std::lock_guard held(mutex_);
	if (in_use_ + count > size_ || unused_.size() < count)
		return false;
	for (uint32_t i = 0; i < count; ++i) {
		entries_[unused_.back()].taken = true;
		refs[i] = first(domid_) + unused_.back();
		unused_.pop_back();
	}
	in_use_ += count;
	world::get().live().references += count;
	return true;
}

void grant_table::give_back(const uint32_t *refs, uint32_t count)
{
	const std::lock_guard held(mutex_);
	for (uint32_t i = 0; i < count; ++i) {
		entry *e = at(refs[i]);
		if (e == nullptr || !e->taken) {
			violation("a grant reference is given back that was not taken");
			continue;
		}
		if (e->open) {
			violation("a grant reference is given back whose access is open");
			continue;
		}
		e->taken = false;
		unused_.push_front(refs[i] - first(domid_));
		--in_use_;
		--world::get().live().references;
	}
}

void grant_table::open(uint32_t ref, uint32_t grantee, page *frame, bool readonly)
{
	const std::lock_guard held(mutex_);
	entry *e = at(ref);
	if (e == nullptr || !e->taken || e->open)
		return violation("access is given through a reference that is not free for it");
	*e = {true, true, readonly, grantee, 0, frame};
	world::get().memory().count_access(frame, 1);
	++world::get().live().accesses;
}

bool grant_table::end(uint32_t ref)
{
	const std::lock_guard held(mutex_);
	entry *e = at(ref);
	if (e == nullptr || !e->open) {
		violation("an access is ended that is not open");
		return true;
	}
	if (e->maps != 0)
		return false;
	world::get().memory().count_access(e->frame, -1);
	--world::get().live().accesses;
	*e = {true, false, false, 0, 0, nullptr};
	return true;
}

int32_t grant_table::reach(uint32_t ref, uint32_t grantee, bool write, bool count_map, page **out)
{
	const std::lock_guard held(mutex_);
	entry *e = at(ref);
	if (e == nullptr || !e->open || e->grantee != grantee)
		return KAPI_GNTST_BAD_GNTREF;
	if (write && e->readonly)
		return KAPI_GNTST_GENERAL_ERROR;
	e->maps += count_map;
	*out = e->frame;
	return KAPI_GNTST_OKAY;
}

void grant_table::unmap(uint32_t ref)
{
	const std::lock_guard held(mutex_);
	--at(ref)->maps;
}

} // namespace xenpv::sim
