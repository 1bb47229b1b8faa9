// SPDX-License-Identifier: GPL-2.0-only
#include <xen-back/net/device.hpp>
#include <xen-back/net/rx.hpp>

#include <utility>

namespace xenpv::netback {

result<void> rx_side::open(void *addr, uint32_t peer_domain)
{
	peer_ = peer_domain;
	ring_ = XENPV_TRY(back_ring::attach(ring_page(addr, sizeof(netif::rx_request))));
	line_.with([](line &l) { l.open = true; });
	return {};
}

void rx_side::close()
{
	give_up();
	line_.with([](line &l) { l.open = l.stalled = l.full = false; });
	ring_ = {};
}

uint32_t rx_side::extras_of(const kapi_net_meta &meta, uint32_t hash_of)
{
	return (meta.gso != KAPI_NET_GSO_NONE ? 1 : 0) + (hash_of != KAPI_NET_HASH_NONE ? 1 : 0);
}

uint32_t rx_side::slots_for(const kapi_net_meta &meta)
{
	const uint32_t pages = pages_of(meta.length);
	const bool spare = pages >= spare_from && pages < most_pages;
	return pages + (spare ? 1 : 0) + extras_of(meta, meta.hash_of);
}

// Bytes for the next of so many slots that are left: up to where a piece of the packet ends, if the rest has room in the
// other slots.  Pieces are pages as a rule, behind a first one that is not: each of them is one operation then, and
// two where slots are filled to the brim.
uint32_t rx_side::fill(uint32_t piece, uint32_t used, uint32_t left, uint32_t slots) const
{
	if (left <= KAPI_PAGE_SIZE)
		return left;
	uint32_t whole = 0;
	for (; piece < layout_.nr_pieces && whole + layout_.pieces[piece].length - used <= KAPI_PAGE_SIZE; ++piece) {
		whole += layout_.pieces[piece].length - used;
		used = 0;
	}
	return whole != 0 && pages_of(left - whole) < slots ? whole : KAPI_PAGE_SIZE;
}

rx_side::accepted rx_side::add(void *cookie, const kapi_net_meta &meta)
{
	const waiting w{cookie, meta.length, slots_for(meta), meta.hash, meta.hash_of};
	return line_.with([&](line &l) {
		if (!l.open || l.count == capacity || w.length == 0 || w.length > netif::max_packet) {
			counters_.dropped.add();
			return accepted::refused;
		}
		l.packets[(l.head + l.count++) % capacity] = w;
		l.bytes += w.length;
		if (l.count == capacity || l.bytes >= most_bytes) {
			l.full = true;
			return accepted::full;
		}
		// Who copies looks again before he leaves; a stall ends with an event.
		return l.copying || l.stalled ? accepted::queued : accepted::idle;
	});
}

// The next packet that has buffers, if there is one and room to copy it.  False: leave
// it at that; then somebody else may copy.
result<bool> rx_side::next(waiting &out, uint32_t packets)
{
	const auto posted = ring_.available();
	if (!posted.ok()) {
		owner_.log().say(KAPI_ERROR, "queue %u: rx request producer index is out of range", number_);
		return err::protocol;
	}
	if (packets == most_packets || nr_answers_ + slots_per_packet > most_slots ||
	    nr_ops_ + ops_per_packet > most_ops)
		return false;
	return line_.with([&](line &l) {
		if (l.count == 0)
			return false;
		const waiting &w = l.packets[l.head];
		if (w.slots > posted.value_or(0)) {
			l.stalled = true;
			more_posted_ = posted.value_or(0) > l.posted;
			l.posted = posted.value_or(0);
			return false;
		}
		out = w;
		l.head = (l.head + 1) % capacity;
		--l.count;
		l.bytes -= w.length;
		return true;
	});
}

// The packet's bytes, without gaps, into the frames of as many requests as it takes.
void rx_side::plan(const waiting &w)
{
	kapi_netback_describe(owner_.net(), w.cookie, &layout_);
	const kapi_net_meta &meta = layout_.meta;
	uint32_t piece = 0;
	uint32_t used = 0; // of the piece
	uint32_t slots = w.slots - extras_of(meta, w.hash_of);
	for (uint32_t done = 0; done < w.length; --slots) {
		const netif::taken_rx_request request = netif::take_rx_request(ring_);
		const uint32_t left = w.length - done;
		const uint32_t length = fill(piece, used, left, slots);
		answer a{};
		a.id = request.id.unchecked(echoed_back{});
		a.length = static_cast<uint16_t>(length);
		a.flags = left > length ? netif::rx_more_data : 0;
		a.first_op = static_cast<uint16_t>(nr_ops_);
		if (done == 0) {
			if (meta.csum == KAPI_NET_CSUM_BLANK)
				a.flags |= netif::rx_csum_blank | netif::rx_data_validated;
			else if (meta.csum == KAPI_NET_CSUM_VALID)
				a.flags |= netif::rx_data_validated;
			if (meta.gso != KAPI_NET_GSO_NONE || w.hash_of != KAPI_NET_HASH_NONE)
				a.flags |= netif::rx_extra_info;
		}
		for (uint32_t filled = 0; filled < length && piece < layout_.nr_pieces;) {
			const kapi_net_memory &from = layout_.pieces[piece];
			const uint32_t wish = length - filled;
			const uint32_t n = wish < from.length - used ? wish : from.length - used;
			kapi_copy_op &op = ops_[nr_ops_++];
			op = {};
			op.source = {{from.frame}, KAPI_SELF, static_cast<uint16_t>(from.offset + used)};
			// From guest to guest; it stays granted while the packet is held.
			if (from.granted != 0) {
				op.source.ref = from.ref;
				op.source.domid = from.domid;
				op.flags = KAPI_COPY_SOURCE_REF;
			}
			op.dest.ref = request.gref.unchecked(hypervisor_checks{});
			op.dest.domid = static_cast<uint16_t>(peer_);
			op.dest.offset = static_cast<uint16_t>(filled);
			op.length = static_cast<uint16_t>(n);
			op.flags |= KAPI_COPY_DEST_REF;
			filled += n;
			used += n;
			if (used == from.length) {
				++piece;
				used = 0;
			}
		}
		a.nr_ops = static_cast<uint16_t>(nr_ops_ - a.first_op);
		answers_[nr_answers_++] = a;
		if (done == 0)
			plan_extras(w);
		done += length;
	}
	done_[nr_done_++] = {w.cookie, w.length, static_cast<uint16_t>(nr_answers_)};
}

// Each takes a request's place, and the buffer comes back unused.
void rx_side::plan_extras(const waiting &w)
{
	const kapi_net_meta &meta = layout_.meta;
	const bool hashed = w.hash_of != KAPI_NET_HASH_NONE;
	if (meta.gso != KAPI_NET_GSO_NONE) {
		static_cast<void>(netif::take_rx_request(ring_));
		answer &a = answers_[nr_answers_++] = {};
		a.gso_size = meta.gso_size;
		a.gso = meta.gso;
		a.more = hashed;
	}
	if (hashed) {
		static_cast<void>(netif::take_rx_request(ring_));
		answer &a = answers_[nr_answers_++] = {};
		a.hash = w.hash;
		a.hash_of = w.hash_of;
	}
}

void rx_side::say_why(const kapi_copy_op &op)
{
	if ((op.flags & KAPI_COPY_SOURCE_REF) != 0)
		owner_.log().say(KAPI_WARN,
				 "queue %u: domain %u's frame cannot be copied to rx grant reference %u (%d)", number_,
				 op.source.domid, op.dest.ref, op.status);
	else
		owner_.log().say(KAPI_ERROR, "queue %u: rx grant reference %u cannot be copied to (%d)", number_,
				 op.dest.ref, op.status);
}

// One hypercall for all of them; then each slot on its own merits.
void rx_side::finish(kapi_context ctx)
{
	xenpv_grant_copy(ops_, nr_ops_, ctx, &costs_);
	counters_.copy_hypercalls.set(costs_.copy_hypercalls);
	counters_.copy_operations.set(costs_.copy_operations);
	uint32_t at = 0;
	for (uint32_t i = 0; i < nr_done_; ++i) {
		bool okay = true;
		for (; at < done_[i].last_slot; ++at) {
			const answer &a = answers_[at];
			if (a.gso_size != 0) {
				netif::put_gso(ring_, a.gso_size,
					       a.gso == KAPI_NET_GSO_TCPV4 ? netif::gso::tcpv4 : netif::gso::tcpv6,
					       sizeof(netif::rx_response), a.more);
				continue;
			}
			if (a.hash_of != KAPI_NET_HASH_NONE) {
				netif::put_hash(ring_, static_cast<netif::hash_type>(a.hash_of - KAPI_NET_HASH_IPV4),
						a.hash, sizeof(netif::rx_response));
				continue;
			}
			auto status = static_cast<int16_t>(a.length);
			for (uint32_t k = a.first_op; k < a.first_op + uint32_t{a.nr_ops}; ++k) {
				if (ops_[k].status == KAPI_GNTST_OKAY)
					continue;
				if (okay)
					say_why(ops_[k]);
				status = static_cast<int16_t>(netif::status::error);
				okay = false;
			}
			const netif::rx_response wire{a.id, 0, a.flags, status};
			ring_.put(&wire, sizeof(wire));
		}
		if (okay) {
			counters_.packets.add();
			counters_.bytes.add(done_[i].length);
		} else {
			counters_.errors.add();
		}
		kapi_netback_done(owner_.net(), number_, done_[i].cookie, okay);
	}
	counters_.slots.add(nr_answers_);
	nr_done_ = nr_answers_ = nr_ops_ = 0;
}

result<rx_side::copied> rx_side::copy(kapi_context ctx)
{
	copied out;
	if (!line_.with([](line &l) {
		    const bool mine = l.open && !l.copying && !l.stalled && l.count != 0;
		    l.copying |= mine;
		    return mine;
	    }))
		return out;
	result<bool> more = true;
	waiting w{};
	const int naming = kapi_netback_naming_begin();
	for (more = next(w, out.packets); more.value_or(false); more = next(w, out.packets)) {
		plan(w);
		++out.packets;
	}
	if (out.packets != 0) {
		out.slots = nr_answers_;
		finish(ctx);
		counters_.pushes.add();
		out.notify = ring_.push();
		if (ctx == KAPI_ATOMIC)
			counters_.direct.add(out.packets);
	}
	kapi_netback_naming_end(naming);
	out.found = std::exchange(more_posted_, false) || out.packets != 0;
	out.left = line_.with([&](line &l) {
		l.copying = false;
		l.open &= more.ok();
		return l.count != 0 && !l.stalled;
	});
	if (!more.ok())
		return more.error();
	if (line_.with([](line &l) {
		    const bool room = l.full && l.count <= capacity / 2 && l.bytes <= most_bytes / 2;
		    l.full &= !room;
		    return room;
	    }))
		kapi_netback_wake(owner_.net(), number_);
	return out;
}

void rx_side::look_again()
{
	line_.with([](line &l) { l.stalled = false; });
}

bool rx_side::stalled()
{
	return line_.with([](line &l) { return l.stalled; });
}

uint32_t rx_side::queued()
{
	return line_.with([](line &l) { return l.count; });
}

result<bool> rx_side::rest()
{
	// Who copies has the ring, and wakes the thread if there is anything left to do.
	struct view {
		bool idle;
		bool stalled;
		uint32_t posted;
	};
	const view v = line_.with([](line &l) {
		return view{l.copying || (!l.stalled && l.count == 0), l.stalled && !l.copying, l.posted};
	});
	if (!v.stalled)
		return v.idle;
	// Any buffer is worth a look that was not there when the packet was found to have too
	// few: it may have come before this, without an event.
	if (XENPV_TRY(ring_.arm(v.posted + 1)) == v.posted)
		return true;
	look_again();
	return false;
}

void rx_side::give_up()
{
	for (;;) {
		waiting w{};
		if (!line_.with([&](line &l) {
			    if (l.count == 0) {
				    l.stalled = false;
				    return false;
			    }
			    w = l.packets[l.head];
			    l.head = (l.head + 1) % capacity;
			    --l.count;
			    l.bytes -= w.length;
			    counters_.dropped.add();
			    return true;
		    }))
			break;
		kapi_netback_done(owner_.net(), number_, w.cookie, false);
	}
	if (line_.with([](line &l) { return std::exchange(l.full, false); }))
		kapi_netback_wake(owner_.net(), number_);
}

} // namespace xenpv::netback
