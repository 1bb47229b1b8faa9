// SPDX-License-Identifier: GPL-2.0-only
// Packets to the guest: queued, and copied into the buffers it posted, by the sender
// itself when there is nothing to gather, else by the queue's thread.
#pragma once
#include <grant/abi.h>
#include <kapi/netback.h>

#include <xenpv/counter.hpp>
#include <xenpv/guarded.hpp>
#include <xenpv/netif.hpp>

namespace xenpv::netback {

class device;

// `dropped` is written under the lock, the rest by whoever copies.
struct rx_counters {
	counter packets;
	counter bytes;
	counter slots;
	counter errors; // a copy failed
	counter dropped; // the queue was full, or the guest took nothing for too long
	counter pushes;
	counter direct; // copied in the sender's context
	counter copy_hypercalls;
	counter copy_operations;
};

class rx_side {
public:
	rx_side(device &owner, uint32_t number) : owner_(owner), number_(number) {}

	// Takes up a ring that is mapped at `addr`; packets are accepted.  Process context.
	[[nodiscard]] result<void> open(void *addr, uint32_t peer_domain);
	// Drops what is queued.  Nobody copies or sends any more.
	void close();

	enum class accepted {
		refused,
		queued, // somebody is about to copy, or the guest has no buffers
		idle, // queued, and nobody is about to copy
		full, // queued, and there is room for no more
	};
	// BH context.
	[[nodiscard]] accepted add(void *cookie, const kapi_net_meta &meta);

	struct copied {
		uint32_t packets = 0;
		uint32_t slots = 0;
		bool found = false; // packets to copy, or buffers that nobody saw before
		bool notify = false;
		bool left = false; // more is queued, and has buffers as far as is known
	};
	// Copies a batch of what is queued, as far as buffers are there; err::protocol when
	// the frontend broke the rules.  Any context; nothing while somebody else copies.
	[[nodiscard]] result<copied> copy(kapi_context ctx);
	// The frontend posted buffers, or may have: see again.
	void look_again();
	// Asks for an event when the next packet has no buffer.  False: there is work.
	[[nodiscard]] result<bool> rest();
	// Nothing was taken for long: what is queued is dropped, so that nobody waits for
	// this guest.
	void give_up();
	[[nodiscard]] bool stalled();
	// Packets that wait.
	[[nodiscard]] uint32_t queued();

	[[nodiscard]] const rx_counters &counters() const { return counters_; }

private:
	struct waiting {
		void *cookie;
		uint32_t length; // bytes
		uint32_t slots;
		uint32_t hash;
		uint32_t hash_of; // enum kapi_net_hash
	};
	// Bounds of what one guest can keep of this domain's memory (XSA-392).
	static constexpr uint32_t capacity = 512; // packets
	static constexpr uint32_t most_bytes = 1u << 20;

	struct line {
		bool open = false;
		bool copying = false; // somebody does
		bool stalled = false; // no buffers for the first packet, with
		uint32_t posted = 0; // of them there when that was seen
		bool full = false; // the sender was told to stop
		uint32_t head = 0;
		uint32_t count = 0;
		uint32_t bytes = 0;
		waiting packets[capacity];
	};
	// A slot to be answered.
	struct answer {
		uint16_t id;
		uint16_t flags;
		uint16_t length; // bytes
		uint16_t first_op;
		uint16_t nr_ops;
		uint16_t gso_size; // not 0: the slot is this extra info
		uint8_t gso;
		bool more; // extra infos follow this one
		uint32_t hash;
		uint32_t hash_of; // not none: the slot is this extra info
	};
	static constexpr uint32_t most_packets = 64;
	static constexpr uint32_t most_slots = 128;
	static constexpr uint32_t most_ops = 256;
	static constexpr uint32_t slots_per_packet = netif::max_slots + 2;
	static constexpr uint32_t ops_per_packet = netif::max_slots + KAPI_NET_MAX_PIECES;

	// From so many pages on one slot more pays, which most packets can have.
	static constexpr uint32_t spare_from = 4;
	static constexpr uint32_t most_pages = netif::max_slots - 1;

	[[nodiscard]] static uint32_t pages_of(uint32_t bytes) { return (bytes + KAPI_PAGE_SIZE - 1) / KAPI_PAGE_SIZE; }
	[[nodiscard]] static uint32_t extras_of(const kapi_net_meta &meta, uint32_t hash_of);
	[[nodiscard]] static uint32_t slots_for(const kapi_net_meta &meta);
	[[nodiscard]] uint32_t fill(uint32_t piece, uint32_t used, uint32_t left, uint32_t slots) const;
	[[nodiscard]] result<bool> next(waiting &out, uint32_t packets);
	void plan(const waiting &w);
	void plan_extras(const waiting &w);
	void finish(kapi_context ctx);
	void say_why(const kapi_copy_op &op);

	device &owner_;
	const uint32_t number_;
	uint32_t peer_ = 0;
	guarded<line> line_;

	// Below: of whoever copies.
	back_ring ring_;
	xenpv_grant_costs costs_{};
	kapi_net_layout layout_{};
	bool more_posted_ = false; // than at the last look, and still too few
	uint32_t nr_done_ = 0;
	struct {
		void *cookie;
		uint32_t length;
		uint16_t last_slot; // past its answers
	} done_[most_packets];
	uint32_t nr_answers_ = 0;
	answer answers_[most_slots];
	uint32_t nr_ops_ = 0;
	kapi_copy_op ops_[most_ops];
	rx_counters counters_;
};

} // namespace xenpv::netback
