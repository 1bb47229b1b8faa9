// SPDX-License-Identifier: GPL-2.0-only
// One packet's slots as a guest sent them, and what the rules say of them.
#pragma once
#include <kapi/net.h>

#include <xenpv/netif.hpp>
#include <xenpv/reporter.hpp>

namespace xenpv::netback {

// Part of a packet in one frame of the guest, checked: it lies within the frame.
struct span {
	uint32_t gref;
	uint16_t offset; // bytes
	uint16_t length; // bytes, not 0
};

struct chain {
	// Every request taken is answered, whatever becomes of the packet.
	uint16_t ids[netif::ring_slots];
	uint32_t nr_ids = 0;
	uint32_t extras = 0; // answered too, without an id
	span spans[netif::max_slots];
	uint32_t nr_spans = 0;
	kapi_net_meta meta{};
	// Not a packet but a change of the multicast list.
	enum class kind : uint8_t { none, add, remove };
	kind listing = kind::none;
	uint8_t group[6] = {};
	bool odd = false; // to be dropped and answered with an error

	// Takes one packet off the ring, of `left` slots that are there; what it used is
	// taken from `left`.  err::protocol: no frontend that follows the protocol does
	// this, and what comes next in the ring means nothing.
	[[nodiscard]] result<void> take(back_ring &ring, uint32_t &left, reporter &log, uint32_t queue);

private:
	void take_hash(const netif::taken_extra &extra, reporter &log, uint32_t queue);
	[[nodiscard]] result<void> take_extras(back_ring &ring, uint32_t &left, reporter &log, uint32_t queue);
};

} // namespace xenpv::netback
