// SPDX-License-Identifier: GPL-2.0-only
// What a guest wants packets hashed with, and which queue it wants each hash on
// (io/netif.h, "Hash types" to "Control messages").
#pragma once
#include <kapi/netback.h>
#include <xen-back/net/toeplitz.hpp>

#include <xenpv/latched.hpp>
#include <xenpv/netif.hpp>
#include <xenpv/result.hpp>

namespace xenpv::netback {

class flow_hash {
public:
	static constexpr uint32_t max_mapping = 128;

	// Everything of a moment.
	struct state {
		netif::hash_algorithm algorithm = netif::hash_algorithm::none;
		uint8_t pad[3] = {};
		uint32_t flags = 0; // of netif::hash_type
		uint32_t queues = 0; // that are there
		uint32_t key_bytes = 0;
		uint32_t mapping_size = 0; // 0: by modular arithmetic
		uint8_t key[toeplitz_key_bytes] = {};
		uint8_t mapping[max_mapping] = {}; // each below `queues`
	};

	// Serialised by the device: while it connects and disconnects, and in between by the
	// control ring.  A change is complete for every packet or not there yet.

	// For a new frontend, which has set nothing: no mapping outlives the queues it was
	// checked against (XSA-270).
	void reset(uint32_t queues);
	void set_algorithm(netif::hash_algorithm algorithm);
	// `flags`: of all_hash_flags.  err::not_supported: no algorithm yet.
	[[nodiscard]] result<void> set_flags(uint32_t flags);
	// At most toeplitz_key_bytes; the rest is zeroes.
	void set_key(const uint8_t *key, uint32_t bytes);
	// `size`: at most max_mapping entries, all zero.
	void set_mapping_size(uint32_t size);
	[[nodiscard]] uint32_t mapping_size() const { return now_.mapping_size; }
	// offset + count <= mapping_size().  err::range when an entry is no queue, and then
	// nothing has changed.
	[[nodiscard]] result<void> set_mapping(uint32_t offset, const peer<uint32_t> *entries, uint32_t count);

	// Any context.
	[[nodiscard]] bool on() const { return on_.load(std::memory_order_relaxed); }
	// Sets a packet's hash, or that it has none.
	void calculate(const kapi_net_flow &flow, kapi_net_meta &meta) const;
	// err::not_found: the guest leaves it to us.
	[[nodiscard]] result<uint32_t> queue_for(const kapi_net_flow &flow) const;
	// A packet of the guest's: its hash means something while it is of the algorithm that
	// is set.
	void admit(kapi_net_meta &meta) const;
	[[nodiscard]] state read() const { return shown_.read(); }

private:
	void show();

	state now_; // the writer's
	latched<state> shown_;
	std::atomic<bool> on_{false};
};

} // namespace xenpv::netback
