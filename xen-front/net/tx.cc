// SPDX-License-Identifier: GPL-2.0-only
#include <xen-front/net/device.hpp>
#include <xen-front/net/tx.hpp>

#include <utility>

namespace xenpv::netfront {

result<void> tx_queue::connect(const terms &t, grant::account &account)
{
	peer_ = t.peer_domain;
	bounces_ = !t.trusted;
	if (refs_.owner() == nullptr) {
		refs_.attach(account);
		for (uint32_t id = 0; id < depth; ++id)
			free_ids_[free_count_++] = static_cast<uint16_t>(depth - 1 - id);
	}
	spinlock::guard held(lock_);
	ring_frame_ = XENPV_TRY(grant::shared_page::make(refs_, peer_, KAPI_ATOMIC));
	ring_ = front_ring(ring_page(ring_frame_.addr(), sizeof(netif::tx_request)));
	extras_out_ = 0;
	return {};
}

void tx_queue::start()
{
	spinlock::guard held(lock_);
	open_ = true;
}

void tx_queue::disconnect()
{
	{
		spinlock::guard held(lock_);
		open_ = false;
		ring_ = {};
		ring_frame_ = {};
	}
	for (uint32_t id = 0; id < depth; ++id) {
		slot &s = slots_[id];
		if (s.state == use::free)
			continue;
		// The backend may still read it, and rightly so: the grant layer keeps the page.
		void *cookie = s.cookie;
		const bool first = s.first == id;
		{
			spinlock::guard held(lock_);
			s.access = {};
			free_slot(id);
		}
		if (first)
			kapi_netfront_sent(owner_.net(), number_, cookie, false);
	}
	spinlock::guard held(lock_);
	pool_.clear();
}

void tx_queue::free_slot(uint32_t id)
{
	slots_[id].state = use::free;
	slots_[id].cookie = nullptr;
	free_ids_[free_count_++] = static_cast<uint16_t>(id);
}

uint32_t tx_queue::slots_for(const kapi_net_packet &packet) const
{
	return bounces_ ? (packet.meta.length + KAPI_PAGE_SIZE - 1) / KAPI_PAGE_SIZE : packet.nr_pieces;
}

bool tx_queue::has_room()
{
	spinlock::guard held(lock_);
	return room();
}

// For a packet of any shape, and its extra info.
bool tx_queue::room() const
{
	return open_ && ring_.free_slots() > netif::max_slots && free_count_ >= netif::max_slots;
}

// All of them, or none.
result<void> tx_queue::grant_slots(const kapi_net_packet &packet, const uint16_t *ids, uint32_t count)
{
	for (uint32_t i = 0; i < count; ++i) {
		slot &s = slots_[ids[i]];
		err failed = err::none;
		if (bounces_) {
			const auto page = pool_.take(refs_, peer_);
			failed = page.error();
			s.page = page.value_or(0);
		} else {
			const kapi_net_piece &piece = packet.pieces[i];
			auto given =
				grant::access::give(refs_, peer_, piece.page, piece.frame, grant::rights::read_only);
			failed = given.error();
			if (given.ok())
				s.access = given.take();
		}
		if (failed == err::none)
			continue;
		// Nobody was told of these references: none can be held.
		while (i-- > 0) {
			if (bounces_)
				pool_.put(slots_[ids[i]].page);
			slots_[ids[i]].access = {};
		}
		return failed;
	}
	return {};
}

// The packet's bytes, without gaps, into the pool's pages.
void tx_queue::copy_to_pool(const kapi_net_packet &packet, const uint16_t *ids)
{
	uint32_t at = 0;
	for (uint32_t i = 0; i < packet.nr_pieces; ++i) {
		const kapi_net_piece &piece = packet.pieces[i];
		uint32_t done = 0;
		while (done < piece.length) {
			const uint32_t offset = at % KAPI_PAGE_SIZE;
			const uint32_t room = KAPI_PAGE_SIZE - offset;
			const uint32_t left = piece.length - done;
			const uint32_t n = left < room ? left : room;
			auto *to = static_cast<std::byte *>(pool_.page(slots_[ids[at / KAPI_PAGE_SIZE]].page).addr());
			__builtin_memcpy(to + offset, static_cast<std::byte *>(piece.addr) + piece.offset + done, n);
			at += n;
			done += n;
		}
	}
}

void tx_queue::put_requests(const kapi_net_packet &packet, const uint16_t *ids, uint32_t count)
{
	const kapi_net_meta &meta = packet.meta;
	for (uint32_t i = 0; i < count; ++i) {
		slot &s = slots_[ids[i]];
		netif::tx_request wire{};
		wire.id = ids[i];
		s.place = ring_.made();
		if (i + 1 < count)
			wire.flags = netif::tx_more_data;
		if (bounces_) {
			const uint32_t left = meta.length - i * KAPI_PAGE_SIZE;
			wire.gref = pool_.page(s.page).ref();
			wire.size = static_cast<uint16_t>(left < KAPI_PAGE_SIZE ? left : KAPI_PAGE_SIZE);
		} else {
			wire.gref = s.access.ref();
			wire.offset = static_cast<uint16_t>(packet.pieces[i].offset);
			wire.size = static_cast<uint16_t>(packet.pieces[i].length);
		}
		if (i != 0) {
			ring_.put(&wire, sizeof(wire));
			continue;
		}
		// The first slot speaks for the packet.
		wire.size = static_cast<uint16_t>(meta.length);
		if (meta.csum == KAPI_NET_CSUM_BLANK)
			wire.flags |= netif::tx_csum_blank | netif::tx_data_validated;
		else if (meta.csum == KAPI_NET_CSUM_VALID)
			wire.flags |= netif::tx_data_validated;
		if (meta.gso != KAPI_NET_GSO_NONE)
			wire.flags |= netif::tx_extra_info;
		ring_.put(&wire, sizeof(wire));
		if (meta.gso != KAPI_NET_GSO_NONE) {
			netif::put_gso(ring_, meta.gso_size,
				       meta.gso == KAPI_NET_GSO_TCPV4 ? netif::gso::tcpv4 : netif::gso::tcpv6,
				       sizeof(wire));
			++extras_out_;
		}
	}
}

int tx_queue::send(const kapi_net_packet &packet)
{
	if (packet.nr_pieces == 0 || packet.nr_pieces > netif::max_slots ||
	    packet.meta.length < netif::ethernet_header || packet.meta.length > netif::max_packet)
		return to_errno(err::invalid);
	const uint32_t count = slots_for(packet);
	uint16_t ids[netif::max_slots] = {};
	{
		spinlock::guard held(lock_);
		if (auto r = take_slots(packet, ids, count); !r.ok())
			return to_errno(r.error());
		if (!bounces_)
			return put_packet(packet, ids, count);
	}
	// Outside the lock: this is what takes long.
	copy_to_pool(packet, ids);
	spinlock::guard held(lock_);
	counters_.copied.add();
	return put_packet(packet, ids, count);
}

result<void> tx_queue::take_slots(const kapi_net_packet &packet, uint16_t *ids, uint32_t count)
{
	if (!open_)
		return err::io;
	// One more for the extra info.
	if (ring_.free_slots() <= count || free_count_ < count)
		return err::busy;
	for (uint32_t i = 0; i < count; ++i)
		ids[i] = free_ids_[free_count_ - 1 - i];
	if (!grant_slots(packet, ids, count).ok())
		return err::again;
	free_count_ = static_cast<uint16_t>(free_count_ - count);
	for (uint32_t i = 0; i < count; ++i) {
		slots_[ids[i]].state = use::filling;
		slots_[ids[i]].first = ids[0];
	}
	slot &first = slots_[ids[0]];
	first.cookie = packet.cookie;
	first.failed = false;
	first.open = static_cast<uint16_t>(count);
	return {};
}

int tx_queue::put_packet(const kapi_net_packet &packet, const uint16_t *ids, uint32_t count)
{
	for (uint32_t i = 0; i < count; ++i)
		slots_[ids[i]].state = use::pending;
	put_requests(packet, ids, count);
	counters_.packets.add();
	counters_.bytes.add(packet.meta.length);
	counters_.slots.add(count + (packet.meta.gso != KAPI_NET_GSO_NONE ? 1 : 0));
	return room() ? 0 : 1;
}

tx_queue::pushed tx_queue::push()
{
	spinlock::guard held(lock_);
	if (!open_ || !ring_.has_unpushed())
		return pushed::nothing;
	counters_.pushes.add();
	return ring_.push() ? pushed::to_be_told : pushed::quietly;
}

// A response ends only a slot that is pending (XSA-376, QSB-023).
result<void> tx_queue::check_response(const netif::taken_tx_response &rsp, sent *out, uint32_t &count)
{
	// Where an extra info was there is no id.
	if (rsp.status.is(static_cast<int16_t>(netif::status::null))) {
		if (extras_out_ == 0) {
			owner_.log().say(KAPI_ERROR, "queue %u: tx response of status 1 (null) to no extra info",
					 number_);
			return err::protocol;
		}
		--extras_out_;
		return {};
	}
	const auto id = rsp.id.below(depth);
	// Neither what was answered nor what was not shown yet.
	if (!id.ok() || slots_[id.value_or(0)].state != use::pending || !ring_.shown(slots_[id.value_or(0)].place)) {
		owner_.log().say(KAPI_ERROR, "queue %u: tx response id %u is %s", number_,
				 rsp.id.unchecked(for_message{}), id.ok() ? "not pending" : "out of range");
		return err::protocol;
	}
	slot &s = slots_[id.value_or(0)];
	slot &first = slots_[s.first];
	if (!rsp.status.is(static_cast<int16_t>(netif::status::okay)))
		first.failed = true;
	if (bounces_) {
		pool_.put(s.page);
	} else if (s.access.end() == grant::ended::still_held) {
		owner_.log().say(KAPI_ERROR, "queue %u: the backend answered tx id %u but keeps the grant mapped",
				 number_, id.value_or(0));
		return err::protocol; // the slot is handed back when the connection ends
	}
	const bool whole = --first.open == 0;
	if (whole) {
		if (first.failed)
			counters_.errors.add();
		out[count++] = {first.cookie, !first.failed};
		free_slot(s.first);
	}
	// The first slot stands for its packet until all of it is answered.
	if (&s != &first)
		free_slot(id.value_or(0));
	else if (!whole)
		s.state = use::answered;
	return {};
}

result<uint32_t> tx_queue::reap()
{
	uint32_t reaped = 0;
	// A ring full at most: a backend that answers as fast as we send must not keep the
	// CPU.  rest() sees to what is left.
	while (reaped < depth) {
		sent done[reap_batch];
		uint32_t count = 0;
		result<void> verdict;
		uint32_t n;
		{
			spinlock::guard held(lock_);
			if (!open_)
				return 0u;
			const auto there = ring_.available();
			if (!there.ok()) {
				owner_.log().say(KAPI_ERROR, "queue %u: tx response producer index is out of range",
						 number_);
				return err::protocol;
			}
			n = there.value_or(0) < reap_batch ? there.value_or(0) : reap_batch;
			answers_ += n;
			for (uint32_t i = 0; i < n && verdict.ok(); ++i)
				verdict = check_response(netif::take_tx_response(ring_), done, count);
		}
		for (uint32_t i = 0; i < count; ++i)
			kapi_netfront_sent(owner_.net(), number_, done[i].cookie, done[i].ok);
		if (!verdict.ok())
			return verdict.error();
		if (n == 0)
			break;
		reaped += n;
	}
	return reaped;
}

outlook tx_queue::look()
{
	spinlock::guard held(lock_);
	if (!open_)
		return {0, answers_};
	// Answers count from when they are there: their event may come much later, see rest().
	// An index out of range is no answer; who takes it finds out.
	const auto there = ring_.available();
	const uint32_t waiting = there.value_or(0);
	return {ring_.outstanding() - waiting, answers_ + waiting, false, !there.ok() || waiting != 0};
}

result<bool> tx_queue::rest(uint32_t distance)
{
	spinlock::guard held(lock_);
	if (!open_)
		return true;
	// Half: the ring does not run dry, and a burst costs few interrupts.  What is left
	// halves again with each event, so the last packet is told of too.
	const uint32_t all = ring_.outstanding() != 0 ? ring_.outstanding() : 1;
	const uint32_t nth = distance == 0 ? ring_.outstanding() / 2 + 1 : distance < all ? distance : all;
	const uint32_t there = XENPV_TRY(ring_.arm(nth));
	return there < nth;
}

} // namespace xenpv::netfront
