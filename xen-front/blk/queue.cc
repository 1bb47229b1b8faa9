// SPDX-License-Identifier: GPL-2.0-only
#include <xen-front/blk/device.hpp>
#include <xen-front/blk/queue.hpp>

#include <xenpv/blkif.hpp>

namespace xenpv::blkfront {

result<void> queue::connect(kapi_xenbus *bus, const connection_terms &terms, uint32_t number, grant::account &account)
{
	peer_ = terms.peer_domain;
	number_ = number;
	if (refs_.owner() == nullptr) {
		refs_.attach(account);
		for (uint32_t id = 0; id < depth; ++id)
			free_ids_[free_count_++] = static_cast<uint8_t>(depth - 1 - id);
	}
	{
		spinlock::guard held(lock_);
		ring_frame_ = XENPV_TRY(grant::shared_page::make(refs_, peer_, KAPI_ATOMIC));
		ring_ = front_ring(ring_page(ring_frame_.addr(), sizeof(blkif::request)));
	}
	char name[8];
	kapi_format(name, sizeof(name), "q%u", number);
	port_ = XENPV_TRY(channel_.open({bus, name, 0, number, terms.rings, &queue::on_event, this}));
	return {};
}

void queue::start(const service_terms &service)
{
	bool notify = false;
	unsent left;
	{
		spinlock::guard held(lock_);
		end_held_grants();
		// A plain write was durable as long as there was no cache to flush.
		const bool were_durable = terms_.flush == flush_by::nothing && service.flush != flush_by::nothing;
		terms_ = service;
		open_ = true;
		// Replay what the last connection did not answer: at least once, in no
		// particular order; the block layer orders flushes itself.
		for (uint32_t id = 0; id < depth; ++id) {
			shadow &s = shadows_[id];
			if (s.state != use::pending)
				continue;
			if (were_durable && s.request.op == KAPI_BLK_WRITE)
				s.request.fua = 1;
			if (s.held || !replay(id))
				hand_back(id, left);
		}
		if (ring_.has_unpushed()) {
			counters_.pushes.add();
			notify = ring_.push();
		}
	}
	complete_unsent(left);
	if (notify)
		channel_.notify();
	owner_.wake(number_);
}

void queue::retire()
{
	unsent left;
	{
		spinlock::guard held(lock_);
		end_held_grants();
		for (uint32_t id = 0; id < depth; ++id)
			if (shadows_[id].state == use::pending)
				hand_back(id, left);
	}
	complete_unsent(left);
}

// Under the lock.  The last backend had until now to let go of it.
void queue::end_held_grants()
{
	for (shadow &s : shadows_) {
		if (s.state != use::pending || !s.held)
			continue;
		s.held = false;
		for (grant::access &a : s.access)
			s.held |= a.end() == grant::ended::still_held;
	}
}

// Under the lock.
void queue::hand_back(uint32_t id, unsent &list)
{
	const shadow &s = shadows_[id];
	list.at[list.count++] = {s.request.cookie, s.held};
	list.failed += s.held ? 1 : 0;
	(s.held ? counters_.errors : counters_.handed_back).add();
	free_id(id);
}

void queue::complete_unsent(const unsent &list)
{
	// Whatever the next backend answers, the user must not take for good what the last one can still reach
	// (XSA-396).
	if (list.failed != 0)
		owner_.log().say(KAPI_ERROR, "queue %u: the last backend keeps pages of %u requests mapped: they fail",
				 number_, list.failed);
	for (uint32_t i = 0; i < list.count; ++i)
		if (list.at[i].fail)
			kapi_blkfront_complete(owner_.disk(), list.at[i].cookie, to_errno(err::io));
		else
			kapi_blkfront_requeue(owner_.disk(), list.at[i].cookie);
}

// False: not now; whoever asked shall ask again, and submit() answers.
bool queue::replay(uint32_t id)
{
	shadow &s = shadows_[id];
	if (flushes_nothing(s.request) || !grant_segments(s).ok())
		return false;
	if (copies_out(s.request))
		copy(s, true);
	put_request(id);
	return true;
}

void queue::refuse()
{
	spinlock::guard held(lock_);
	open_ = false;
}

void queue::disconnect()
{
	refuse();
	channel_.close();
	spinlock::guard held(lock_);
	// What is pending is granted anew on replay, maybe to another domain.
	for (shadow &s : shadows_)
		if (s.state == use::pending)
			s.held = !try_release(s);
	pool_.clear();
	ring_frame_ = {};
	ring_ = {};
}

void queue::fail_pending()
{
	for (uint32_t id = 0; id < depth; ++id) {
		shadow &s = shadows_[id];
		void *cookie;
		{
			spinlock::guard held(lock_);
			if (s.state != use::pending)
				continue;
			bool still_held = false;
			release_segments(s, still_held);
			cookie = s.request.cookie;
			free_id(id);
		}
		kapi_blkfront_complete(owner_.disk(), cookie, to_errno(err::io));
	}
}

void queue::free_id(uint32_t id)
{
	shadows_[id].state = use::free;
	free_ids_[free_count_++] = static_cast<uint8_t>(id);
}

uint8_t queue::wire_operation(const kapi_blk_request &r) const
{
	const bool barrier = terms_.flush == flush_by::barrier_op;
	switch (r.op) {
	case KAPI_BLK_READ:
		return static_cast<uint8_t>(blkif::op::read);
	case KAPI_BLK_FLUSH:
		return static_cast<uint8_t>(barrier ? blkif::op::write_barrier : blkif::op::flush);
	default:
		return static_cast<uint8_t>(r.fua != 0 && barrier ? blkif::op::write_barrier : blkif::op::write);
	}
}

result<void> queue::grant_segments(shadow &s)
{
	const kapi_blk_request &r = s.request;
	// A write only lets the backend read.
	const auto rights = r.op == KAPI_BLK_READ ? grant::rights::read_write : grant::rights::read_only;
	for (uint32_t i = 0; i < r.nr_segments; ++i) {
		if (terms_.data == transfer::pooled) {
			const auto page = pool_.take(refs_, peer_);
			if (!page.ok()) {
				while (i-- > 0)
					pool_.put(s.page[i]);
				return page.error();
			}
			s.page[i] = page.value_or(0);
			continue;
		}
		auto given = grant::access::give(refs_, peer_, r.segments[i].page, r.segments[i].frame, rights);
		if (!given.ok()) {
			// Nobody was told of these references: none can be held.
			while (i-- > 0)
				s.access[i] = {};
			return given.error();
		}
		s.access[i] = given.take();
	}
	return {};
}

void queue::release_segments(shadow &s, bool &still_held)
{
	for (uint32_t i = 0; i < s.request.nr_segments; ++i) {
		if (terms_.data == transfer::pooled)
			pool_.put(s.page[i]);
		else
			still_held |= s.access[i].end() == grant::ended::still_held;
	}
}

// False: the last backend has some of it mapped, perhaps for a moment still.
bool queue::try_release(shadow &s)
{
	bool released = true;
	for (uint32_t i = 0; i < s.request.nr_segments; ++i) {
		if (terms_.data == transfer::pooled)
			pool_.put(s.page[i]);
		else
			released &= s.access[i].try_end() == grant::ended::returned;
	}
	return released;
}

// Between the request's pages and the pool's, at the same offsets.
void queue::copy(shadow &s, bool to_pool)
{
	for (uint32_t i = 0; i < s.request.nr_segments; ++i) {
		const kapi_blk_segment &seg = s.request.segments[i];
		auto *ours = static_cast<std::byte *>(pool_.page(s.page[i]).addr()) + seg.offset;
		auto *theirs = static_cast<std::byte *>(seg.addr) + seg.offset;
		__builtin_memcpy(to_pool ? ours : theirs, to_pool ? theirs : ours, seg.length);
	}
}

void queue::put_request(uint32_t id)
{
	shadow &s = shadows_[id];
	blkif::request wire{};
	s.operation = wire_operation(s.request);
	wire.operation = s.operation;
	wire.nr_segments = static_cast<uint8_t>(s.request.nr_segments);
	wire.handle = owner_.handle();
	wire.id = id;
	wire.sector_number = s.request.sector;
	for (uint32_t i = 0; i < s.request.nr_segments; ++i) {
		const kapi_blk_segment &seg = s.request.segments[i];
		wire.segments[i].gref =
			terms_.data == transfer::pooled ? pool_.page(s.page[i]).ref() : s.access[i].ref();
		wire.segments[i].first_sect = static_cast<uint8_t>(seg.offset / blkif::sector_bytes);
		wire.segments[i].last_sect = static_cast<uint8_t>((seg.offset + seg.length) / blkif::sector_bytes - 1);
	}
	s.place = ring_.made();
	ring_.put(&wire, sizeof(wire));
}

int queue::submit(const kapi_blk_request &request)
{
	// Asked for when the disk had a cache.  No lock: what was agreed changes only
	// while the disk is paused.
	if (flushes_nothing(request)) {
		kapi_blkfront_complete(owner_.disk(), request.cookie, 0);
		return 0;
	}
	uint32_t id;
	{
		spinlock::guard held(lock_);
		if (!open_)
			return to_errno(owner_.broken() ? err::io : err::busy);
		if (free_count_ == 0) {
			counters_.no_room.add();
			waker_owed_ = true;
			return to_errno(err::busy);
		}
		id = free_ids_[free_count_ - 1];
		shadow &s = shadows_[id];
		s.request = request;
		s.held = false;
		if (!grant_segments(s).ok()) {
			counters_.no_grant.add();
			return to_errno(err::again);
		}
		--free_count_;
		s.state = use::filling;
	}
	shadow &s = shadows_[id];
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < request.nr_segments; ++i)
		bytes += request.segments[i].length;
	// Outside the lock: this is what takes long.
	const bool fill = copies_out(request);
	if (fill)
		copy(s, true);

	spinlock::guard held(lock_);
	s.state = use::pending;
	counters_.requests.add();
	counters_.segments.add(request.nr_segments);
	counters_.bytes.add(bytes);
	if (fill)
		counters_.copied_bytes.add(bytes);
	if (!open_) {
		// Refused meanwhile, by the interrupt that found the peer broken.
		bool still_held = false;
		release_segments(s, still_held);
		free_id(id);
		return to_errno(err::io);
	}
	put_request(id);
	return 0;
}

void queue::commit()
{
	bool notify = false;
	{
		spinlock::guard held(lock_);
		if (!open_ || !ring_.has_unpushed())
			return;
		counters_.pushes.add();
		notify = ring_.push();
	}
	channel_.notify_if(notify);
}

} // namespace xenpv::blkfront
