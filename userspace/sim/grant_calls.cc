// SPDX-License-Identifier: GPL-2.0-only
// kapi/grant.h: the calls a domain makes, counted, and failing on demand.
#include <userspace/sim/world.hpp>

#include <kapi/grant.h>

#include <cstring>

using xenpv::sim::current_domain;
using xenpv::sim::domain;
using xenpv::sim::grant_table;
using xenpv::sim::page;
using xenpv::sim::violation;
using xenpv::sim::world;

namespace {

// The references of a parked frame come back in a thread that serves every domain
// of the process, so the reference says whose table it is.
domain *table_of(uint32_t ref)
{
	return world::get().find(grant_table::owner(ref));
}

// One end of a copy.  While there is one, the grant is in use and cannot be ended, as
// Xen's marks in the grant entry say to the granter.
class copy_end {
public:
	copy_end(const kapi_copy_end &end, bool by_ref, uint32_t length, bool write)
		: status_(reach(end, by_ref, length, write))
	{
	}
	copy_end(const copy_end &) = delete;
	copy_end &operator=(const copy_end &) = delete;
	~copy_end()
	{
		if (granter_ != nullptr)
			granter_->grants().unmap(ref_);
	}
	[[nodiscard]] int32_t status() const { return status_; }
	[[nodiscard]] std::byte *at() const { return at_; }

private:
	int32_t reach(const kapi_copy_end &end, bool by_ref, uint32_t length, bool write)
	{
		auto &w = world::get();
		if (end.offset > KAPI_PAGE_SIZE || length > KAPI_PAGE_SIZE - end.offset)
			return xenpv::sim::bad_copy;
		page *p = nullptr;
		if (!by_ref) {
			if (end.domid != KAPI_SELF)
				return xenpv::sim::bad_domain;
			p = w.memory().find(end.frame, *current_domain());
			if (p == nullptr)
				return KAPI_GNTST_GENERAL_ERROR;
		} else {
			domain *granter = w.find(end.domid);
			if (granter == nullptr)
				return xenpv::sim::bad_domain;
			const int32_t status =
				granter->grants().reach(end.ref, current_domain()->id(), write, true, &p);
			if (status != KAPI_GNTST_OKAY)
				return status;
			granter_ = granter;
			ref_ = end.ref;
		}
		at_ = static_cast<std::byte *>(p->addr) + end.offset;
		return KAPI_GNTST_OKAY;
	}

	domain *granter_ = nullptr;
	uint32_t ref_ = 0;
	std::byte *at_ = nullptr;
	int32_t status_;
};

// The hypervisor's copy: what a guest does to its memory meanwhile is its own affair, so
// TSan is shown single accesses that cannot tear.
void copy_bytes(std::byte *to, const std::byte *from, size_t length)
{
#ifdef __SANITIZE_THREAD__
	for (size_t i = 0; i < length; ++i)
		__atomic_store_n(reinterpret_cast<uint8_t *>(to + i),
				 __atomic_load_n(reinterpret_cast<const uint8_t *>(from + i), __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
#else
	std::memmove(to, from, length);
#endif
}

} // namespace

int kapi_grant_alloc(uint32_t *refs, uint32_t count)
{
	++world::get().calls().reference_batches;
	return current_domain()->grants().take(refs, count) ? 0 : -28;
}

void kapi_grant_free(const uint32_t *refs, uint32_t count)
{
	for (uint32_t i = 0; i < count; ++i)
		if (domain *d = table_of(refs[i]))
			d->grants().give_back(refs + i, 1);
		else
			violation("a grant reference is given back that nobody has");
}

void kapi_grant_access(uint32_t ref, uint32_t domid, uint64_t frame, bool readonly)
{
	page *p = world::get().memory().find(frame, *current_domain());
	if (p == nullptr)
		return violation("access is given to a frame that is not ours");
	current_domain()->grants().open(ref, domid, p, readonly);
}

bool kapi_grant_end(uint32_t ref)
{
	++world::get().calls().references_ended;
	return table_of(ref)->grants().end(ref);
}

bool kapi_grant_revoke(uint32_t ref)
{
	if (!kapi_grant_end(ref))
		return false;
	table_of(ref)->grants().give_back(&ref, 1);
	return true;
}

int kapi_foreign_pages_alloc(void **pages, uint32_t count)
{
	xenpv::sim::might_sleep("kapi_foreign_pages_alloc");
	auto &w = world::get();
	if (w.faults().foreign_page.strikes())
		return -12;
	for (uint32_t i = 0; i < count; ++i)
		pages[i] = w.memory().allocate_foreign(*current_domain());
	return 0;
}

void kapi_foreign_pages_free(void **pages, uint32_t count)
{
	for (uint32_t i = 0; i < count; ++i)
		world::get().memory().free_foreign(static_cast<page *>(pages[i]));
}

bool kapi_foreign_busy(void *handle)
{
	return world::get().memory().busy(static_cast<page *>(handle));
}

void *kapi_foreign_addr(void *handle)
{
	return static_cast<page *>(handle)->addr;
}

int kapi_grant_map(kapi_map_op *ops, uint32_t count)
{
	xenpv::sim::might_sleep("kapi_grant_map");
	auto &w = world::get();
	++w.calls().map;
	w.calls().map_operations += count;
	if (count == 0 || count > KAPI_MAP_BATCH)
		violation("a map batch of no or too many operations");
	if (w.faults().map_hypercall.strikes())
		return -14;
	for (uint32_t i = 0; i < count; ++i) {
		kapi_map_op &op = ops[i];
		op.status = w.faults().map.ask(i, op);
		if (op.status == 0)
			op.status = w.maptrack().map(*current_domain(), op.domid, op.ref, static_cast<page *>(op.page),
						     op.readonly != 0, &op.handle);
	}
	return 0;
}

int kapi_grant_unmap(kapi_map_op *ops, uint32_t count)
{
	xenpv::sim::might_sleep("kapi_grant_unmap");
	auto &w = world::get();
	++w.calls().unmap;
	w.calls().unmap_operations += count;
	if (count == 0 || count > KAPI_MAP_BATCH)
		violation("an unmap batch of no or too many operations");
	if (w.faults().unmap_hypercall.strikes())
		return -14;
	for (uint32_t i = 0; i < count; ++i) {
		ops[i].status = w.faults().unmap.ask(i, ops[i]);
		if (ops[i].status == 0)
			ops[i].status = w.maptrack().unmap(ops[i].handle, static_cast<page *>(ops[i].page));
	}
	return 0;
}

bool kapi_grant_can_replace()
{
	return !world::get().faults().translated;
}

int kapi_grant_replace(kapi_map_op *ops, uint32_t count)
{
	xenpv::sim::might_sleep("kapi_grant_replace");
	auto &w = world::get();
	if (w.faults().replace_call.strikes())
		return -95;
	for (uint32_t i = 0; i < count; ++i) {
		ops[i].status = w.faults().replace.ask(i, ops[i]);
		if (ops[i].status == 0)
			ops[i].status = w.maptrack().replace(ops[i].handle, static_cast<page *>(ops[i].page));
	}
	return 0;
}

void kapi_grant_forget(const kapi_map_op *op)
{
	xenpv::sim::might_sleep("kapi_grant_forget");
	world::get().memory().forget(static_cast<page *>(op->page));
}

int kapi_grant_copy(kapi_copy_op *ops, uint32_t count)
{
	auto &w = world::get();
	++w.calls().copy;
	w.calls().copy_operations += count;
	if (count == 0 || count > KAPI_COPY_BATCH)
		violation("a copy batch of no or too many operations");
	if (w.faults().copy_hypercall.strikes())
		return -14;
	for (uint32_t i = 0; i < count; ++i) {
		kapi_copy_op &op = ops[i];
		op.status = static_cast<int16_t>(w.faults().copy.ask(i, op));
		if (op.status != 0)
			continue;
		const copy_end from(op.source, (op.flags & KAPI_COPY_SOURCE_REF) != 0, op.length, false);
		const copy_end to(op.dest, (op.flags & KAPI_COPY_DEST_REF) != 0, op.length, true);
		op.status = static_cast<int16_t>(from.status() != 0 ? from.status() : to.status());
		if (op.status == 0)
			copy_bytes(to.at(), from.at(), op.length);
	}
	return 0;
}
