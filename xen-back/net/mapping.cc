// SPDX-License-Identifier: GPL-2.0-only
#include <kapi/time.h>
#include <xen-back/net/mapping.hpp>

#include <utility>

namespace xenpv::netback {
namespace {

// Calls f(gref, offset, length) for each part of a frame behind the headers.
template <typename F>
void behind_headers(const chain &c, F f)
{
	uint32_t skip = KAPI_NET_HEADERS;
	for (uint32_t i = 0; i < c.nr_spans; ++i) {
		const span &s = c.spans[i];
		const uint32_t off = skip < s.length ? skip : s.length;
		skip -= off;
		if (off < s.length)
			f(s.gref, s.offset + off, s.length - off);
	}
}

bool busy(const held_packet &p)
{
	for (uint32_t i = 0; i < p.nr_ops; ++i)
		if (kapi_foreign_busy(p.ops[i].page))
			return true;
	return false;
}

uint32_t slots_of(const held_packet &p)
{
	return p.nr_ids + p.extras;
}

} // namespace

void mapping::open(const grant::account &account, uint32_t domid, void (*wake)(void *), void *ctx)
{
	account_ = account.handle();
	domid_ = domid;
	may_map_ = kapi_grant_can_replace();
	wake_ = wake;
	wake_ctx_ = ctx;
	policy_ = {};
}

void mapping::close()
{
	if (nr_free_pages_ != 0)
		kapi_foreign_pages_free(table_->free_pages, nr_free_pages_);
	made_pages_ = nr_free_pages_ = 0;
	free_ = nullptr;
	table_.reset();
}

bool mapping::make_table()
{
	if (table_)
		return true;
	table_ = make_owned<table>(context::may_sleep);
	if (!table_)
		return false;
	for (held_packet &p : table_->packets) {
		p.owner = this;
		p.next = std::exchange(free_, &p);
	}
	return true;
}

bool mapping::make_pages(uint32_t wanted)
{
	while (nr_free_pages_ < wanted) {
		const uint32_t left = most_pages - made_pages_;
		const uint32_t n = left < chunk ? left : chunk;
		if (n == 0 || kapi_foreign_pages_alloc(table_->free_pages + nr_free_pages_, n) != 0)
			return false;
		made_pages_ += n;
		nr_free_pages_ += n;
	}
	return true;
}

// How many pages it takes to map the packet; 0: it is copied.
uint32_t mapping::suits(const chain &c) const
{
	if (!may_map_ || c.meta.length < KAPI_NET_HEADERS + least_bytes ||
	    held_slots_ + c.nr_ids + c.extras > most_slots)
		return 0;
	uint32_t parts = 0;
	behind_headers(c, [&parts](uint32_t, uint32_t, uint32_t) { ++parts; });
	if (parts == 0 || parts > KAPI_NET_MAX_ATTACHED || (c.meta.length - KAPI_NET_HEADERS) / parts < least_per_slot)
		return 0;
	// All is in use: no reason to think that it does not pay.
	if (table_ && (free_ == nullptr || nr_free_pages_ + most_pages - made_pages_ < parts))
		return 0;
	return parts;
}

held_packet *mapping::prepare(const chain &c)
{
	const uint32_t parts = suits(c);
	if (parts == 0 || !policy_.wants())
		return nullptr;
	if (!make_table() || !make_pages(parts)) {
		policy_.gave_up();
		return nullptr;
	}
	held_packet &p = *free_;
	free_ = p.next;
	fill(p, c);
	held_slots_ += slots_of(p);
	prepared_[nr_prepared_++] = &p;
	return &p;
}

void mapping::fill(held_packet &p, const chain &c)
{
	p.next = nullptr;
	p.in_use = true;
	p.released = p.copied = false;
	p.nr_ids = static_cast<uint16_t>(c.nr_ids);
	p.extras = c.extras;
	for (uint32_t i = 0; i < c.nr_ids; ++i)
		p.ids[i] = c.ids[i];
	p.nr_ops = 0;
	behind_headers(c, [&](uint32_t gref, uint32_t offset, uint32_t length) {
		p.offset[p.nr_ops] = static_cast<uint16_t>(offset);
		p.length[p.nr_ops] = static_cast<uint16_t>(length);
		p.ops[p.nr_ops++] = {
			table_->free_pages[--nr_free_pages_], gref, domid_, 1, KAPI_GNTST_GENERAL_ERROR, 0, 0};
	});
}

void mapping::forget(held_packet &p)
{
	--nr_prepared_;
	drop(p);
}

void mapping::map()
{
	if (nr_prepared_ == 0)
		return;
	kapi_map_op *const batch = table_->batch;
	uint32_t n = 0;
	for (uint32_t i = 0; i < nr_prepared_; ++i)
		for (uint32_t k = 0; k < prepared_[i]->nr_ops; ++k)
			batch[n++] = prepared_[i]->ops[k];
	xenpv_grant_map(account_, batch, n, &costs_);
	n = 0;
	for (uint32_t i = 0; i < nr_prepared_; ++i)
		for (uint32_t k = 0; k < prepared_[i]->nr_ops; ++k)
			prepared_[i]->ops[k] = batch[n++];
	nr_prepared_ = 0;
}

void mapping::drop(held_packet &p)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < p.nr_ops; ++i)
		if (p.ops[i].status == KAPI_GNTST_OKAY)
			table_->batch[n++] = p.ops[i];
		else
			table_->free_pages[nr_free_pages_++] = p.ops[i].page;
	unmap(table_->batch, n);
	policy_.gave_up();
	put(p);
}

void mapping::unmap(kapi_map_op *ops, uint32_t count)
{
	const uint32_t n = xenpv_grant_unmap(account_, ops, count, &costs_);
	for (uint32_t i = 0; i < n; ++i)
		if (ops[i].status == KAPI_GNTST_OKAY)
			table_->free_pages[nr_free_pages_++] = ops[i].page;
	// A page whose unmap failed may still show the guest's memory: it is left out of
	// use, and the account shows it as mapped.
}

// Where the stack lets go.  The thread is woken under the lock, for the queue may close
// as soon as the packet is on the list.
void mapping::on_released(void *ctx, bool copied)
{
	auto *p = static_cast<held_packet *>(ctx);
	mapping &self = *p->owner;
	self.released_.with([&](held_packet *&list) {
		p->released = true;
		p->copied = copied;
		p->next = std::exchange(list, p);
		if (p->next == nullptr)
			self.wake_(self.wake_ctx_);
	});
}

bool mapping::has_released()
{
	return released_.with([](held_packet *list) { return list != nullptr; });
}

held_packet *mapping::take_list()
{
	return released_.with([](held_packet *&list) { return std::exchange(list, nullptr); });
}

held_packet *mapping::take_released()
{
	held_packet *p = take_list();
	bool progress = p != nullptr;
	while (p != nullptr)
		p = std::exchange(p->next, std::exchange(lingering_, p));
	if (lingering_ == nullptr)
		return nullptr;
	held_packet *done = nullptr;
	uint32_t n = 0;
	for (held_packet **at = &lingering_; *at != nullptr;) {
		held_packet &free = **at;
		if (busy(free)) {
			at = &free.next;
			continue;
		}
		*at = free.next;
		for (uint32_t i = 0; i < free.nr_ops; ++i)
			table_->batch[n++] = free.ops[i];
		free.next = std::exchange(done, &free);
		kapi_netback_forget(free.handle);
		policy_.came_back(free.copied);
		in_vain.add(free.copied ? 1 : 0);
		held.set(held.get() - 1);
		progress = true;
	}
	if (progress)
		lingering_since_ns_ = kapi_now_ns();
	if (n != 0)
		unmap(table_->batch, n);
	return done;
}

uint64_t mapping::until_look_ns() const
{
	if (lingering_ == nullptr)
		return 0;
	const uint64_t wait = (kapi_now_ns() - lingering_since_ns_) / 2;
	return wait < first_look_ns ? first_look_ns : wait > last_look_ns ? last_look_ns : wait;
}

void mapping::put(held_packet &p)
{
	held_slots_ -= slots_of(p);
	p.in_use = false;
	p.next = std::exchange(free_, &p);
}

} // namespace xenpv::netback
