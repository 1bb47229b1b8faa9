// SPDX-License-Identifier: GPL-2.0-only
#include <xen-front/net/device.hpp>
#include <xen-front/net/rx.hpp>

#include <utility>

namespace xenpv::netfront {

result<void> rx_queue::connect(const terms &t, grant::account &account)
{
	peer_ = t.peer_domain;
	// One that is not trusted reads what it is to write to: not even old packets.
	clean_ = !t.trusted;
	if (refs_.owner() == nullptr)
		refs_.attach(account);
	ring_frame_ = XENPV_TRY(grant::shared_page::make(refs_, peer_, KAPI_MAY_SLEEP));
	ring_ = front_ring(ring_page(ring_frame_.addr(), sizeof(netif::rx_request)));
	static_cast<void>(refill());
	return {};
}

void rx_queue::disconnect()
{
	for (buffer &b : buffers_) {
		// The backend may still write to it, and rightly so: the grant layer keeps it.
		b.access = {};
		if (b.page.page != nullptr)
			kapi_netfront_put_page(owner_.net(), number_, std::exchange(b.page, {}).page);
	}
	ring_ = {};
	ring_frame_ = {};
}

bool rx_queue::refill()
{
	if (!ring_frame_)
		return false;
	while (ring_.free_slots() != 0) {
		const uint32_t at = ring_.next_request();
		buffer &b = buffers_[at];
		if (b.page.page != nullptr) {
			counters_.recycled.add();
		} else {
			if (kapi_netfront_get_page(owner_.net(), number_, clean_, &b.page) != 0) {
				b.page = {};
				counters_.no_page.add();
				break;
			}
			auto given =
				grant::access::give(refs_, peer_, b.page.page, b.page.frame, grant::rights::read_write);
			if (!given.ok()) {
				kapi_netfront_put_page(owner_.net(), number_, std::exchange(b.page, {}).page);
				counters_.no_page.add();
				break;
			}
			b.access = given.take();
		}
		const netif::rx_request wire{static_cast<uint16_t>(at), 0, b.access.ref()};
		ring_.put(&wire, sizeof(wire));
	}
	if (!ring_.has_unpushed())
		return false;
	counters_.pushes.add();
	return ring_.push();
}

result<void> rx_queue::broken(const char *what, uint32_t value)
{
	owner_.log().say(KAPI_ERROR, "queue %u: rx %s (%u)", number_, what, value);
	return err::protocol;
}

// One buffer's part.  What is merely odd costs its packet; what cannot be is an error.
result<void> rx_queue::take_piece(const netif::taken_rx_response &rsp, uint32_t at, bool &odd)
{
	counters_.slots.add();
	if (!rsp.id.is(static_cast<uint16_t>(at)))
		return broken("response id is not its slot's", rsp.id.unchecked(for_message{}));
	// The backend could not fill it: its own affair.
	const auto length = rsp.status.within(0, static_cast<int16_t>(KAPI_PAGE_SIZE));
	if (!length.ok()) {
		if (!rsp.status.within(INT16_MIN, -1).ok())
			return broken("response status is over a page",
				      static_cast<uint32_t>(rsp.status.unchecked(for_message{})));
		odd = true;
		return {};
	}
	const auto bytes = static_cast<uint32_t>(length.value_or(0));
	const auto offset = rsp.offset.at_most(static_cast<uint16_t>(KAPI_PAGE_SIZE - bytes));
	if (!offset.ok())
		return broken("response offset and status cross the page", rsp.offset.unchecked(for_message{}));
	// An empty piece is nothing to hand on.
	if (bytes == 0)
		return {};
	if (packet_.nr_pieces == netif::max_slots || packet_.meta.length + bytes > netif::max_packet) {
		odd = true;
		return {};
	}
	const buffer &b = buffers_[at];
	piece_at_[packet_.nr_pieces] = static_cast<uint16_t>(at);
	packet_.pieces[packet_.nr_pieces++] = {b.page.page, b.page.addr, offset.value_or(0), bytes, 0, 0};
	packet_.meta.length += bytes;
	return {};
}

// Nobody asked for it, and it does no harm: it says which packets belong together.
bool rx_queue::take_hash(const netif::taken_extra &extra)
{
	const auto type = extra.hash_type.at_most(static_cast<uint8_t>(netif::hash_type::ipv6_tcp));
	if (!type.ok() || !extra.hash_algorithm.is(static_cast<uint8_t>(netif::hash_algorithm::toeplitz))) {
		owner_.log().say(KAPI_WARN, "queue %u: rx hash of type %u, algorithm %u: packet dropped", number_,
				 extra.hash_type.unchecked(for_message{}),
				 extra.hash_algorithm.unchecked(for_message{}));
		return false;
	}
	packet_.meta.hash = extra.hash_value.unchecked(every_value_is_valid{});
	packet_.meta.hash_of = type.value_or(0) + KAPI_NET_HASH_IPV4;
	return true;
}

result<void> rx_queue::take_extras(uint32_t &left, bool &odd)
{
	for (bool more = true; more;) {
		if (left == 0)
			return broken("extra info is missing", 0);
		--left;
		counters_.slots.add();
		const netif::taken_extra extra = netif::take_extra(ring_);
		more = (extra.flags.unchecked(every_value_is_valid{}) & netif::extra_more) != 0;
		if (extra.type.is(static_cast<uint8_t>(netif::extra::hash))) {
			odd |= !take_hash(extra);
			continue;
		}
		if (!extra.type.is(static_cast<uint8_t>(netif::extra::gso))) {
			owner_.log().say(KAPI_WARN, "queue %u: rx extra info of type %u: packet dropped", number_,
					 extra.type.unchecked(for_message{}));
			odd = true;
			continue;
		}
		const auto size = extra.gso_size.within(1, static_cast<uint16_t>(netif::max_packet - 1));
		if (!size.ok() || !extra.gso_type.within(1, 2).ok()) {
			owner_.log().say(KAPI_WARN, "queue %u: rx gso size %u, type %u: packet dropped", number_,
					 extra.gso_size.unchecked(for_message{}),
					 extra.gso_type.unchecked(for_message{}));
			odd = true;
			continue;
		}
		packet_.meta.gso_size = size.value_or(0);
		packet_.meta.gso = extra.gso_type.is(static_cast<uint8_t>(netif::gso::tcpv4)) ? KAPI_NET_GSO_TCPV4
											      : KAPI_NET_GSO_TCPV6;
	}
	return {};
}

// Ends the backend's access to what is handed on: it must not be able to change a
// packet that the kernel has checked (XSA-396).
result<void> rx_queue::give_pages()
{
	for (uint32_t i = 0; i < packet_.nr_pieces; ++i) {
		buffer &b = buffers_[piece_at_[i]];
		if (b.access.end() == grant::ended::still_held)
			return broken("buffer was answered but is kept mapped, id", piece_at_[i]);
	}
	for (uint32_t i = 0; i < packet_.nr_pieces; ++i) {
		buffers_[piece_at_[i]].page = {};
		packet_.pieces[i].given = 1;
	}
	return {};
}

result<void> rx_queue::take_packet(uint32_t &left)
{
	packet_.meta = {};
	packet_.nr_pieces = 0;
	bool odd = false;
	bool more;
	bool first = true;
	do {
		if (left == 0)
			return broken("packet has no end", packet_.nr_pieces);
		--left;
		const uint32_t at = ring_.next_response();
		const netif::taken_rx_response rsp = netif::take_rx_response(ring_);
		XENPV_CHECK(take_piece(rsp, at, odd));
		const uint16_t flags = rsp.flags.unchecked(every_value_is_valid{});
		more = (flags & netif::rx_more_data) != 0;
		if (!std::exchange(first, false))
			continue;
		packet_.meta.csum = (flags & netif::rx_csum_blank) != 0       ? KAPI_NET_CSUM_BLANK
				    : (flags & netif::rx_data_validated) != 0 ? KAPI_NET_CSUM_VALID
									      : KAPI_NET_CSUM_NONE;
		if ((flags & netif::rx_extra_info) != 0)
			XENPV_CHECK(take_extras(left, odd));
	} while (more);
	if (odd || packet_.meta.length < netif::ethernet_header) {
		// The buffers are posted again.
		counters_.errors.add();
		return {};
	}
	if (packet_.meta.length > copied_up_to)
		XENPV_CHECK(give_pages());
	counters_.packets.add();
	counters_.bytes.add(packet_.meta.length);
	kapi_netfront_receive(owner_.net(), number_, &packet_);
	return {};
}

result<uint32_t> rx_queue::deliver(uint32_t budget)
{
	uint32_t delivered = 0;
	uint32_t left = 0;
	while (delivered < budget) {
		if (left == 0) {
			const auto there = ring_.available();
			if (!there.ok())
				return broken("response producer index is out of range", 0).error();
			left = there.value_or(0);
			if (left == 0)
				break;
		}
		XENPV_CHECK(take_packet(left));
		++delivered;
	}
	return delivered;
}

result<bool> rx_queue::rest(uint32_t distance)
{
	const uint32_t all = ring_.outstanding() != 0 ? ring_.outstanding() : 1;
	const uint32_t nth = distance < all ? distance : all;
	return XENPV_TRY(ring_.arm(nth)) < nth;
}

} // namespace xenpv::netfront
