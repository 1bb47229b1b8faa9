// SPDX-License-Identifier: GPL-2.0-only
// Packets from the backend: buffers posted, filled, taken or posted again.
#pragma once
#include <grant/reference.hpp>
#include <kapi/netfront.h>
#include <xen-front/net/terms.hpp>

#include <xenpv/counter.hpp>
#include <xenpv/netif.hpp>

namespace xenpv::netfront {

class device;

// Written by NAPI.
struct rx_counters {
	counter packets;
	counter bytes;
	counter slots;
	counter errors; // odd packets, dropped
	counter pushes;
	counter recycled; // buffers posted again as they were
	counter no_page; // refills that found no page or no reference
};

// All in process context while nothing else runs, or by NAPI: no lock.
class rx_queue {
public:
	rx_queue(device &owner, uint32_t number) : owner_(owner), number_(number) {}

	[[nodiscard]] result<void> connect(const terms &t, grant::account &account);
	void disconnect();
	[[nodiscard]] uint32_t ring_ref() const { return ring_frame_.ref(); }

	// Delivers up to `budget` packets; err::protocol when the backend broke the rules.
	[[nodiscard]] result<uint32_t> deliver(uint32_t budget);
	// Posts buffers where there is room.  True: the backend wants to be told.
	[[nodiscard]] bool refill();
	// There were not pages or references for all: refill after a while, since without
	// buffers nothing may ever arrive.
	[[nodiscard]] bool starved() const { return ring_.free_slots() != 0; }
	// Asks for an event when `distance` buffers have been filled, or all; from 1 on.
	// False: they have been already.
	[[nodiscard]] result<bool> rest(uint32_t distance);

	[[nodiscard]] const rx_counters &counters() const { return counters_; }

private:
	// A response is in the slot of its request (io/netif.h, "Guest receive"), so the
	// slot of the ring names the buffer.
	struct buffer {
		kapi_page page{};
		grant::access access;
	};
	static constexpr uint32_t depth = netif::ring_slots;
	// Up to here a packet is copied and its buffers are posted again as they are: no
	// page and no grant changes hands.
	static constexpr uint32_t copied_up_to = 256;

	[[nodiscard]] result<void> take_packet(uint32_t &left);
	[[nodiscard]] bool take_hash(const netif::taken_extra &extra);
	[[nodiscard]] result<void> take_extras(uint32_t &left, bool &odd);
	[[nodiscard]] result<void> take_piece(const netif::taken_rx_response &rsp, uint32_t at, bool &odd);
	[[nodiscard]] result<void> give_pages();
	[[nodiscard]] result<void> broken(const char *what, uint32_t value);

	device &owner_;
	const uint32_t number_;
	uint32_t peer_ = 0;
	bool clean_ = false;
	grant::cache refs_;
	grant::shared_page ring_frame_;
	front_ring ring_;
	buffer buffers_[depth];
	kapi_net_received packet_{}; // being put together
	uint16_t piece_at_[netif::max_slots] = {}; // its buffers
	rx_counters counters_;
};

} // namespace xenpv::netfront
