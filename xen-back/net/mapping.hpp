// SPDX-License-Identifier: GPL-2.0-only
// Large packets whose frames are mapped here, not copied: until the network stack lets go
// of them, their requests are not answered.
#pragma once
#include <grant/account.hpp>
#include <kapi/netback.h>
#include <xen-back/net/chain.hpp>
#include <xen-back/net/map_policy.hpp>

#include <xenpv/counter.hpp>
#include <xenpv/guarded.hpp>
#include <xenpv/netif.hpp>
#include <xenpv/owned.hpp>

namespace xenpv::netback {

class mapping;

struct held_packet {
	mapping *owner;
	held_packet *next; // free, released, or lingering
	void *handle; // the adapter's
	bool in_use;
	bool released;
	bool copied; // by the stack
	uint8_t nr_ops;
	uint16_t nr_ids;
	uint32_t extras;
	uint16_t ids[netif::max_slots];
	uint16_t offset[KAPI_NET_MAX_ATTACHED]; // bytes, in each page
	uint16_t length[KAPI_NET_MAX_ATTACHED]; // bytes
	kapi_map_op ops[KAPI_NET_MAX_ATTACHED];
};

// Of one queue, by its thread, but for what says otherwise.
class mapping {
public:
	// Below, what a hypercall costs is not shared by enough pages.
	static constexpr uint32_t least_bytes = 4 * KAPI_PAGE_SIZE;
	// Scattered over slots, so many bytes of each must be worth its two operations.
	static constexpr uint32_t least_per_slot = KAPI_PAGE_SIZE / 2;
	// Slots that may be held at a time: others go on in the rest of the ring.
	static constexpr uint32_t most_slots = netif::ring_slots / 2;
	static constexpr uint32_t most_packets = most_slots / (least_bytes / KAPI_PAGE_SIZE);
	// How long the end of a connection waits for what the stack holds.  Toolstacks wait 10 s
	// for it, and in the kernel every other device waits with it.  It need not outlast a
	// NIC: what one may hold is not taken from it, see let_go.
	static constexpr uint64_t patience_ns = 2'000'000'000;
	// The driver leaves a frontend that goes on: to that an answer for a frame that is still
	// mapped looks like an attack, so even a device that was reset gets the time to let go.
	static constexpr uint64_t leaving_patience_ns = 30'000'000'000;

	mapping() = default;
	mapping(const mapping &) = delete;
	mapping &operator=(const mapping &) = delete;

	// `wake` is called in any context, under a lock, when packets were released.
	void open(const grant::account &account, uint32_t domid, void (*wake)(void *), void *ctx);
	// Gives the pages back; after let_go and finish.
	void close();

	// Finds a place and pages for a packet that is to be mapped; nullptr: copy it.
	[[nodiscard]] held_packet *prepare(const chain &c);
	// How the adapter is to say that it was released.
	[[nodiscard]] static kapi_net_holder holder_of(held_packet &p) { return {&mapping::on_released, &p}; }
	// It is not to be mapped after all; the last one that was prepared.
	void forget(held_packet &p);
	// Maps what was prepared since the last time.  Each operation has its status.
	void map();
	// The stack gets one that was mapped.
	void hold()
	{
		mapped.add();
		held.add();
	}
	// It does not get this one: unmaps what is mapped of it.
	void drop(held_packet &p);

	// Unmaps what was released and is in nobody's use: a list of packets to be answered,
	// each to be put back.
	[[nodiscard]] held_packet *take_released();
	// Something was released since take_released.
	[[nodiscard]] bool has_released();
	// When to look again whether what was released is out of use, the longer it was not
	// the later; 0: there is nothing of that kind.
	[[nodiscard]] uint64_t until_look_ns() const;
	// The same at the end of a connection, when nothing is mapped any more.  What is still
	// held at the time `until` is copied below its holders where these are queues to guests.
	// Elsewhere a device may be reading it: it stays mapped until it is released, so that Xen
	// gives the frame to nobody else, and nobody waits for that.
	[[nodiscard]] held_packet *let_go(uint64_t until_ns);
	void put(held_packet &p);

	[[nodiscard]] const xenpv_grant_costs &costs() const { return costs_; }

	// Written by the queue's thread.
	counter mapped;
	counter in_vain;
	counter held;
	counter replaced; // pages
	counter parked; // pages

private:
	static constexpr uint32_t chunk = 32;
	static constexpr uint32_t most_pages = most_slots;
	static constexpr uint64_t first_look_ns = 20'000;
	static constexpr uint64_t last_look_ns = 100'000'000;
	struct table {
		held_packet packets[most_packets];
		void *free_pages[most_pages];
		kapi_map_op batch[most_pages];
	};

	static void on_released(void *ctx, bool copied);
	[[nodiscard]] uint32_t suits(const chain &c) const;
	[[nodiscard]] bool make_table();
	[[nodiscard]] bool make_pages(uint32_t wanted);
	void fill(held_packet &p, const chain &c);
	void unmap(kapi_map_op *ops, uint32_t count);
	[[nodiscard]] held_packet *take_list();
	[[nodiscard]] bool leave(held_packet &p);
	void bequeath(held_packet &p, uint32_t gone);
	[[nodiscard]] held_packet *leave_all();
	[[nodiscard]] held_packet *leave_lingering();

	xenpv_grant_account *account_ = nullptr;
	uint32_t domid_ = 0;
	bool may_map_ = false; // what is held for long can be replaced here
	void (*wake_)(void *) = nullptr;
	void *wake_ctx_ = nullptr;
	map_policy policy_;
	owned<table> table_; // when first needed
	held_packet *free_ = nullptr;
	uint32_t made_pages_ = 0;
	uint32_t nr_free_pages_ = 0;
	uint32_t held_slots_ = 0;
	uint32_t nr_prepared_ = 0;
	held_packet *prepared_[most_packets] = {};
	guarded<held_packet *> released_{nullptr};
	held_packet *lingering_ = nullptr; // released, and some page is in use
	uint64_t lingering_since_ns_ = 0; // none came or went since then
	xenpv_grant_costs costs_{};
};

} // namespace xenpv::netback
