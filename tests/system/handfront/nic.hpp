// SPDX-License-Identifier: GPL-2.0-only
// A NIC's frontend with one queue, as io/netif.h describes it.
#pragma once
#include "peer.hpp"
#include "words.hpp"

#include <set>

extern "C" {
#include <xen/io/netif.h>
}

namespace handfront {

inline constexpr uint32_t nic_slots = 256;

inline constexpr const char *nic_usage = R"(commands for a NIC:
  single                  one event channel for both directions
  slot [FIELD=VALUE]...   a transmit request, else a good one of 60 bytes, with gref= offset= size= flags= changed
  extra [FIELD=VALUE]...  an extra info, else one of GSO, with type= flags= size= gso= (its kind) changed
  push                    what was put is the backend's
  answer COUNT STATUS     the next COUNT responses to what was sent have this status
  buffers COUNT [gref=NUMBER|readonly]  offers buffers to receive into
  refused STATUS          the next response on the receive ring has this status
  ask, arp                ask who has the bridge's address; and hear the answer
  odd COUNT               send COUNT packets that are too short, each answered with an error
  produce tx|rx N         push N requests that are not there
  flood                   say "flooding" and send without end until killed
  hashing QUEUES PACKETS  in the place of connect: a control ring, and packets held to their hashes (hashing.hpp)
)";

class nic {
public:
	explicit nic(peer &p) : peer_(p) {}

	void start();
	// Grants the rings, binds channels, writes the keys and goes to Connected, as netfronts do.
	void publish();
	void connect();
	// False: not a command of a NIC's.
	bool obey(const std::string &command, words &w);

private:
	static constexpr uint32_t tx_pages = 32;
	static constexpr uint32_t rx_pages = 64;

	void put_slot(words &w);
	void put_extra(words &w);
	void send(const netif_tx_request &r);
	void push();
	void take_answer(int status);
	void offer(uint32_t count, grant_ref_t gref);
	// The bytes of the next packet.
	[[nodiscard]] std::string hear(int64_t milliseconds);
	[[nodiscard]] netif_rx_response take_received();
	void ask();
	void arp();
	void odd(uint32_t count);
	[[noreturn]] void flood();

	peer &peer_;
	bool split_ = true;
	ring tx_;
	ring rx_;
	evtchn_port_t tx_port_ = 0;
	evtchn_port_t rx_port_ = 0;
	uint8_t *tx_data_ = nullptr;
	uint8_t *rx_data_ = nullptr;
	grant_ref_t tx_refs_[tx_pages] = {};
	grant_ref_t rx_refs_[rx_pages] = {};
	std::multiset<uint16_t> unanswered_;
	uint32_t extras_unanswered_ = 0;
	uint32_t offered_ = 0; // buffers at the backend
};

} // namespace handfront
