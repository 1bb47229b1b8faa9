// SPDX-License-Identifier: GPL-2.0-only
// Packets from the guest: taken by the batch, copied by one hypercall, handed on.
#pragma once
#include <grant/abi.h>
#include <kapi/netback.h>
#include <xen-back/net/chain.hpp>
#include <xen-back/net/mapping.hpp>

#include <xenpv/counter.hpp>
#include <xenpv/netif.hpp>

namespace xenpv::netback {

class device;

// Written by the queue's thread.
struct tx_counters {
	counter packets;
	counter bytes;
	counter slots;
	counter errors; // odd packets: dropped and answered
	counter pushes;
	counter copied_bytes; // the rest was mapped
	counter copy_hypercalls;
	counter copy_operations;
	counter map_hypercalls;
	counter map_operations;
	counter unmap_hypercalls;
	counter unmap_operations;
};

// What a pass over the ring came to.
struct pass_result {
	uint32_t packets = 0;
	uint32_t slots = 0;
	uint32_t released = 0; // packets that were held until now
	bool notify = false; // the frontend wants to be told
	bool found = false; // requests that no pass saw before
	uint64_t wait_ns = 0; // more is there, but has no credit until then
};

// The queue's thread only, after open.
class tx_side {
public:
	tx_side(device &owner, uint32_t number) : owner_(owner), number_(number) {}

	// Takes up a ring that is mapped at `addr`.  `wake`: as mapping::open.
	[[nodiscard]] result<void> open(void *addr, uint32_t peer_domain, void (*wake)(void *), void *ctx);
	// Everything taken is answered, whoever holds it at `until`; true when the frontend
	// wants to be told.
	[[nodiscard]] bool settle(uint64_t until_ns);
	void close();

	// Serves up to a batch of packets; err::protocol when the frontend broke the rules.
	[[nodiscard]] result<pass_result> pass();
	// Asks for an event; false: something is there already.
	[[nodiscard]] result<bool> rest();
	// Packets are to be answered that were held.
	[[nodiscard]] bool has_released() { return mapping_.has_released(); }
	// As mapping::until_look_ns.
	[[nodiscard]] uint64_t until_look_ns() const { return mapping_.until_look_ns(); }

	[[nodiscard]] const tx_counters &counters() const { return counters_; }
	[[nodiscard]] const mapping &mapped() const { return mapping_; }

private:
	struct packet {
		void *cookie;
		kapi_net_meta meta;
		uint16_t first_op;
		uint16_t nr_ops;
		uint16_t first_id;
		uint16_t nr_ids;
		uint16_t extras;
		held_packet *held; // nullptr: it is copied
	};
	static constexpr uint32_t most_packets = 64;
	static constexpr uint32_t most_ops = 256;
	// Each span can cross into another piece of our memory, each piece begin in a span.
	static constexpr uint32_t ops_per_packet = netif::max_slots + KAPI_NET_MAX_PIECES;

	[[nodiscard]] bool has_room(uint32_t packets) const;
	void accept(const chain &c);
	[[nodiscard]] bool find_memory(const chain &c, packet &p);
	[[nodiscard]] bool plan_copies(const chain &c, packet &p, uint32_t bytes);
	void attach(const packet &p);
	[[nodiscard]] uint32_t answer_held(held_packet *list);
	void count_costs();
	void answer(const uint16_t *ids, uint32_t nr_ids, uint32_t extras, netif::status status);
	void finish();

	device &owner_;
	const uint32_t number_;
	uint32_t peer_ = 0;
	back_ring ring_;
	uint32_t seen_ = 0; // requests that the last pass left
	mapping mapping_;
	xenpv_grant_costs costs_{};
	chain chain_;
	kapi_net_layout layout_{};
	uint32_t nr_packets_ = 0;
	packet packets_[most_packets];
	uint32_t nr_ids_ = 0;
	uint16_t ids_[netif::ring_slots];
	uint32_t nr_ops_ = 0;
	kapi_copy_op ops_[most_ops];
	tx_counters counters_;
};

} // namespace xenpv::netback
