// SPDX-License-Identifier: GPL-2.0-only
// Responses: the half of the queue that listens to the backend (XSA-376).
#include <xen-front/blk/device.hpp>
#include <xen-front/blk/queue.hpp>

#include <xenpv/blkif.hpp>

namespace xenpv::blkfront {

void queue::on_event(void *ctx)
{
	static_cast<queue *>(ctx)->handle_event();
}

void queue::handle_event()
{
	evtchn::token debt = channel_.receive();
	bool found_any = false;
	for (;;) {
		finished done[depth];
		const harvest h = collect(done);
		complete(done, h.count);
		if (h.violated) {
			// The channel stays masked: this peer has nothing more to say.
			debt.withhold();
			owner_.peer_broke_protocol();
			return;
		}
		if (h.count == 0)
			break;
		found_any = true;
	}
	found_any ? debt.end_done() : debt.end_spurious();
}

// Takes what is there, or asks for an event and looks again.  What came before a
// violation still counts.
queue::harvest queue::collect(finished *out)
{
	harvest h;
	spinlock::guard held(lock_);
	auto n = ring_.available();
	if (n.ok() && n.value() == 0)
		n = ring_.arm();
	if (!n.ok()) {
		owner_.log().say(KAPI_ERROR, "queue %u: response producer index is out of range", number_);
		h.violated = true;
		return h;
	}
	if (n.value() != 0)
		counters_.passes.add();
	while (h.count < n.value()) {
		const auto checked = check_response(blkif::take_response(ring_));
		if (!checked.ok()) {
			h.violated = true;
			break;
		}
		out[h.count++] = checked.value_or({});
	}
	return h;
}

// A response completes only an id that is pending, with the operation that was sent.
result<queue::finished> queue::check_response(const blkif::taken_response &rsp)
{
	counters_.responses.add();
	const auto id = rsp.id.below(depth);
	if (!id.ok()) {
		owner_.log().say(KAPI_ERROR, "queue %u: response id %llu is out of range", number_,
				 static_cast<unsigned long long>(rsp.id.unchecked(for_message{})));
		return err::protocol;
	}
	finished done;
	done.id = static_cast<uint32_t>(id.value_or(0));
	shadow &s = shadows_[done.id];
	// Neither what was answered nor what was not shown yet.
	if (s.state != use::pending || !ring_.shown(s.place)) {
		owner_.log().say(KAPI_ERROR, "queue %u: response id %u is not pending", number_, done.id);
		return err::protocol;
	}
	if (!rsp.operation.is(s.operation)) {
		owner_.log().say(KAPI_ERROR, "queue %u: response id %u: operation %u, sent %u", number_, done.id,
				 rsp.operation.unchecked(for_message{}), s.operation);
		return err::protocol;
	}
	const bool flush = s.request.op == KAPI_BLK_FLUSH;
	if (rsp.status.is(static_cast<int16_t>(blkif::status::okay))) {
		done.error = 0;
	} else if (flush && rsp.status.is(static_cast<int16_t>(blkif::status::not_supported))) {
		// The disk has no cache to flush after all: nothing was lost.
		done.flush_refused = true;
	} else {
		counters_.errors.add();
		done.error = to_errno(err::io);
	}
	s.state = use::finishing;
	return done;
}

// Ids and references are free before the block layer hears: it may come back with the
// next request before this returns.
void queue::complete(finished *done, uint32_t n)
{
	for (uint32_t i = 0; i < n; ++i) {
		shadow &s = shadows_[done[i].id];
		if (terms_.data == transfer::pooled && s.request.op == KAPI_BLK_READ && done[i].error == 0)
			copy(s, false);
	}
	bool wake = false;
	bool still_held = false;
	bool pushed = false;
	bool notify = false;
	uint32_t ended = 0;
	{
		spinlock::guard held(lock_);
		for (uint32_t i = 0; i < n; ++i) {
			shadow &s = shadows_[done[i].id];
			if (terms_.data == transfer::pooled && s.request.op == KAPI_BLK_READ)
				for (uint32_t k = 0; k < s.request.nr_segments; ++k)
					counters_.copied_bytes.add(s.request.segments[k].length);
			bool held_here = false;
			release_segments(s, held_here);
			// The page is parked, but its user will have it back: tell him that it is
			// not good (XSA-396).
			if (held_here)
				done[i].error = to_errno(err::io);
			still_held |= held_here;
			if (done[i].error == 0 && owes_flush(s)) {
				follow_by_flush(done[i].id);
				continue;
			}
			done[i].cookie = s.request.cookie;
			free_id(done[i].id);
			done[ended++] = done[i];
		}
		wake = ended != 0 && std::exchange(waker_owed_, false);
		pushed = ended != n && open_;
		if (pushed) {
			counters_.pushes.add();
			notify = ring_.push();
		}
	}
	if (pushed)
		channel_.notify_if(notify);
	if (still_held) {
		owner_.log().say(KAPI_ERROR, "queue %u: the backend answered but keeps the grants mapped", number_);
		owner_.peer_broke_protocol();
	}
	for (uint32_t i = 0; i < ended; ++i) {
		if (done[i].flush_refused)
			kapi_blkfront_no_flush(owner_.disk());
		kapi_blkfront_complete(owner_.disk(), done[i].cookie, done[i].error);
	}
	if (wake)
		owner_.wake(number_);
}

// Under the lock.  The write is answered and its pages are ours again; the request stays
// pending, as a flush, and ends when that is answered.  Its answer left room on the ring.
void queue::follow_by_flush(uint32_t id)
{
	shadow &s = shadows_[id];
	s.request.op = KAPI_BLK_FLUSH;
	s.request.sector = 0;
	s.request.nr_segments = 0;
	s.request.fua = 0;
	s.state = use::pending;
	counters_.own_flushes.add();
	// Refused meanwhile: it is replayed, or fails, with all that is pending.
	if (open_)
		put_request(id);
}

} // namespace xenpv::blkfront
