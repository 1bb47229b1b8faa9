// SPDX-License-Identifier: GPL-2.0-only
#include <xen-back/net/chain.hpp>

namespace xenpv::netback {
namespace {

result<void> broken(reporter &log, uint32_t queue, const char *what, uint32_t value)
{
	log.say(KAPI_ERROR, "queue %u: tx %s (%u)", queue, what, value);
	return err::protocol;
}

// Where a slot's part of the packet lies.
result<span> check(const netif::taken_tx &slot, uint32_t length, reporter &log, uint32_t queue)
{
	const auto offset = length <= KAPI_PAGE_SIZE
				    ? slot.offset.at_most(static_cast<uint16_t>(KAPI_PAGE_SIZE - length))
				    : result<uint16_t>(err::range);
	if (!offset.ok())
		return broken(log, queue, "offset and size cross the page, offset",
			      slot.offset.unchecked(for_message{}))
			.error();
	return span{slot.gref.unchecked(hypervisor_checks{}), offset.value_or(0), static_cast<uint16_t>(length)};
}

} // namespace

result<void> chain::take_extras(back_ring &ring, uint32_t &left, reporter &log, uint32_t queue)
{
	for (bool more = true; more;) {
		if (left == 0)
			return broken(log, queue, "extra info is missing", extras);
		--left;
		++extras;
		const netif::taken_extra extra = netif::take_extra(ring);
		more = (extra.flags.unchecked(every_value_is_valid{}) & netif::extra_more) != 0;
		const bool adds = extra.type.is(static_cast<uint8_t>(netif::extra::mcast_add));
		if (adds || extra.type.is(static_cast<uint8_t>(netif::extra::mcast_del))) {
			listing = adds ? kind::add : kind::remove;
			__builtin_memcpy(group, extra.address, sizeof(group));
			continue;
		}
		if (extra.type.is(static_cast<uint8_t>(netif::extra::hash))) {
			take_hash(extra, log, queue);
			continue;
		}
		if (!extra.type.is(static_cast<uint8_t>(netif::extra::gso))) {
			log.say(KAPI_WARN, "queue %u: tx extra info of type %u: packet dropped", queue,
				extra.type.unchecked(for_message{}));
			odd = true;
			continue;
		}
		const auto size = extra.gso_size.within(1, static_cast<uint16_t>(netif::max_packet - 1));
		const auto type = extra.gso_type.within(static_cast<uint8_t>(netif::gso::tcpv4),
							static_cast<uint8_t>(netif::gso::tcpv6));
		if (!size.ok() || !type.ok()) {
			log.say(KAPI_WARN, "queue %u: tx gso size %u, type %u: packet dropped", queue,
				extra.gso_size.unchecked(for_message{}), extra.gso_type.unchecked(for_message{}));
			odd = true;
			continue;
		}
		meta.gso_size = size.value_or(0);
		meta.gso = type.value_or(0) == static_cast<uint8_t>(netif::gso::tcpv4) ? KAPI_NET_GSO_TCPV4
										       : KAPI_NET_GSO_TCPV6;
	}
	return {};
}

// Whether the guest asked for the algorithm is not ours to know.
void chain::take_hash(const netif::taken_extra &extra, reporter &log, uint32_t queue)
{
	const auto type = extra.hash_type.at_most(static_cast<uint8_t>(netif::hash_type::ipv6_tcp));
	if (!type.ok() || !extra.hash_algorithm.is(static_cast<uint8_t>(netif::hash_algorithm::toeplitz))) {
		log.say(KAPI_WARN, "queue %u: tx hash of type %u, algorithm %u: packet dropped", queue,
			extra.hash_type.unchecked(for_message{}), extra.hash_algorithm.unchecked(for_message{}));
		odd = true;
		return;
	}
	meta.hash = extra.hash_value.unchecked(every_value_is_valid{});
	meta.hash_of = type.value_or(0) + KAPI_NET_HASH_IPV4;
}

result<void> chain::take(back_ring &ring, uint32_t &left, reporter &log, uint32_t queue)
{
	nr_ids = extras = nr_spans = 0;
	odd = false;
	meta = {};
	listing = kind::none;
	--left;
	const netif::taken_tx first = netif::take_tx(ring);
	ids[nr_ids++] = first.id.unchecked(echoed_back{});
	const uint16_t flags = first.flags.unchecked(every_value_is_valid{});
	const uint32_t total = first.size.at_most(netif::max_packet).value_or(0);
	meta.length = total;
	meta.csum = (flags & netif::tx_csum_blank) != 0       ? KAPI_NET_CSUM_BLANK
		    : (flags & netif::tx_data_validated) != 0 ? KAPI_NET_CSUM_VALID
							      : KAPI_NET_CSUM_NONE;
	if ((flags & netif::tx_extra_info) != 0)
		XENPV_CHECK(take_extras(ring, left, log, queue));

	// A request that only carries the extra info has no data.
	if (listing != kind::none)
		return {};

	// The first slot's own size is what the others leave of the whole, so it is checked
	// last.
	nr_spans = 1;
	uint32_t rest = total;
	uint32_t slots = 1;
	for (bool more = (flags & netif::tx_more_data) != 0; more; ++slots) {
		if (left == 0)
			return broken(log, queue, "packet has no end, slots", slots);
		--left;
		const netif::taken_tx slot = netif::take_tx(ring);
		ids[nr_ids++] = slot.id.unchecked(echoed_back{});
		more = (slot.flags.unchecked(every_value_is_valid{}) & netif::tx_more_data) != 0;
		const auto size = slot.size.at_most(static_cast<uint16_t>(rest));
		if (!size.ok())
			return broken(log, queue, "slots are longer than their packet, size",
				      slot.size.unchecked(for_message{}));
		rest -= size.value_or(0);
		const span s = XENPV_TRY(check(slot, size.value_or(0), log, queue));
		// Of nothing there is nothing to copy (XSA-448); of too much nothing is.
		if (s.length != 0 && nr_spans < netif::max_slots)
			spans[nr_spans++] = s;
	}
	spans[0] = XENPV_TRY(check(first, rest, log, queue));
	if (spans[0].length == 0) {
		--nr_spans;
		for (uint32_t i = 0; i < nr_spans; ++i)
			spans[i] = spans[i + 1];
	}
	if (slots > netif::max_slots) {
		log.say(KAPI_WARN, "queue %u: tx packet of %u slots: dropped", queue, slots);
		odd = true;
	}
	if (total < netif::ethernet_header) {
		log.say(KAPI_WARN, "queue %u: tx packet of %u bytes: dropped", queue, total);
		odd = true;
	}
	return {};
}

} // namespace xenpv::netback
