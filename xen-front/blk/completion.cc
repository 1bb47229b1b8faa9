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
	if (s.state != use::pending) {
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
			done[i].cookie = s.request.cookie;
			free_id(done[i].id);
		}
		wake = n != 0 && std::exchange(waker_owed_, false);
	}
	if (still_held) {
		owner_.log().say(KAPI_ERROR, "queue %u: the backend answered but keeps the grants mapped", number_);
		owner_.peer_broke_protocol();
	}
	for (uint32_t i = 0; i < n; ++i) {
		if (done[i].flush_refused)
			kapi_blkfront_no_flush(owner_.disk());
		kapi_blkfront_complete(owner_.disk(), done[i].cookie, done[i].error);
	}
	if (wake)
		kapi_blkfront_wake(owner_.disk(), number_);
}

} // namespace xenpv::blkfront
