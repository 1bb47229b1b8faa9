// SPDX-License-Identifier: GPL-2.0-only
// Packets to the backend: slots, grants, and the responses that give them back.
#pragma once
#include <grant/pool.hpp>
#include <grant/reference.hpp>
#include <kapi/netfront.h>
#include <xen-front/net/progress.hpp>
#include <xen-front/net/terms.hpp>

#include <xenpv/counter.hpp>
#include <xenpv/guarded.hpp>
#include <xenpv/netif.hpp>

namespace xenpv::netfront {

class device;

// Written under the lock.
struct tx_counters {
	counter packets;
	counter bytes;
	counter slots;
	counter errors; // answered with an error
	counter pushes;
	counter copied; // went through the pool
};

class tx_queue {
public:
	tx_queue(device &owner, uint32_t number) : owner_(owner), number_(number) {}

	// A new ring, granted.  Process context, nothing else runs.
	[[nodiscard]] result<void> connect(const terms &t, grant::account &account);
	// Packets are taken.
	void start();
	// Everything ends and is handed back.  Nothing else runs any more.
	void disconnect();
	[[nodiscard]] uint32_t ring_ref() const { return ring_frame_.ref(); }

	// See xenpv_netfront_transmit.  BH context, one caller at a time.
	[[nodiscard]] int send(const kapi_net_packet &packet);
	enum class pushed { nothing, quietly, to_be_told };
	[[nodiscard]] pushed push();
	[[nodiscard]] bool has_room();
	// Takes responses; err::protocol when the backend broke the rules.  NAPI.
	[[nodiscard]] result<uint32_t> reap();
	// Asks for an event when `distance` slots more have been answered, or all that are
	// out; 0: when about half have.  False: they have been already.
	[[nodiscard]] result<bool> rest(uint32_t distance);
	[[nodiscard]] outlook look();

	[[nodiscard]] const tx_counters &counters() const { return counters_; }

private:
	enum class use : uint8_t { free, filling, pending, answered };
	struct slot {
		use state = use::free;
		bool failed = false; // of a first slot: any of its packet's was
		uint16_t first = 0; // slot of the packet
		uint16_t page = 0; // in the pool
		uint16_t open = 0; // of a first slot: its packet's slots not answered
		uint32_t place = 0; // on the ring
		grant::access access;
		void *cookie = nullptr; // of a first slot
	};
	struct sent {
		void *cookie;
		bool ok;
	};
	static constexpr uint32_t depth = netif::ring_slots;
	static constexpr uint32_t reap_batch = 32;

	[[nodiscard]] uint32_t slots_for(const kapi_net_packet &packet) const;
	[[nodiscard]] bool room() const;
	[[nodiscard]] result<void> take_slots(const kapi_net_packet &packet, uint16_t *ids, uint32_t count);
	[[nodiscard]] int put_packet(const kapi_net_packet &packet, const uint16_t *ids, uint32_t count);
	[[nodiscard]] result<void> grant_slots(const kapi_net_packet &packet, const uint16_t *ids, uint32_t count);
	void copy_to_pool(const kapi_net_packet &packet, const uint16_t *ids);
	void put_requests(const kapi_net_packet &packet, const uint16_t *ids, uint32_t count);
	[[nodiscard]] result<void> check_response(const netif::taken_tx_response &rsp, sent *out, uint32_t &count);
	void free_slot(uint32_t id);

	device &owner_;
	const uint32_t number_;
	uint32_t peer_ = 0;
	bool bounces_ = false; // the backend sees pages of the pool only
	spinlock lock_; // between send and reap
	grant::cache refs_;
	grant::shared_page ring_frame_;
	grant::pool<depth> pool_;
	front_ring ring_;
	bool open_ = false;
	uint32_t extras_out_ = 0; // extra infos not answered
	uint64_t answers_ = 0; // slots
	uint16_t free_count_ = 0;
	uint16_t free_ids_[depth] = {};
	slot slots_[depth];
	tx_counters counters_;
};

} // namespace xenpv::netfront
