// SPDX-License-Identifier: GPL-2.0-only
// A NIC's frontend with a control ring, which no driver of Linux has: sets up hashing and holds each packet that arrives
// to what io/netif.h says of its hash and its queue.
#pragma once
#include "peer.hpp"

#include <array>

extern "C" {
#define mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#include <xen/io/netif.h>
}

namespace handfront {

class hashing {
public:
	hashing(peer &p, uint32_t queues) : peer_(p), queues_(queues) {}

	// Connects, sets up hashing, says "ready", takes so many packets of flows.py and says how many of each kind there
	// were. What is not as it has to be ends the program.
	void run(uint32_t packets);

private:
	static constexpr uint32_t buffers = 64; // posted on each queue
	static constexpr uint32_t table_size = 7;
	struct queue {
		netif_tx_front_ring_t tx{};
		netif_rx_front_ring_t rx{};
		evtchn_port_t port = 0;
		uint8_t *pages = nullptr;
		std::array<grant_ref_t, buffers> refs{};
		std::array<uint16_t, 256> buffer_of{}; // by slot
		uint32_t taken = 0; // packets
	};

	void connect();
	void set_up();
	void send_with_hash();
	void receive(uint32_t packets);
	void post(queue &q, uint16_t buffer);
	void push(queue &q);
	void judge(uint32_t queue, const uint8_t *frame, uint32_t length, const netif_extra_info_t *extra);
	bool take(uint32_t number);
	uint32_t ask(uint16_t type, uint32_t a, uint32_t b = 0, uint32_t c = 0);

	peer &peer_;
	std::vector<queue> queues_;
	xen_netif_ctrl_front_ring_t control_{};
	evtchn_port_t control_port_ = 0;
	std::array<uint32_t, table_size> table_{};
	std::array<uint32_t, 5> seen_{}; // by type, and without one
};

} // namespace handfront
