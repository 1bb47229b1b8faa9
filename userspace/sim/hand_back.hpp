// SPDX-License-Identifier: GPL-2.0-only
// A backend played by hand, honest or not.
#pragma once
#include <kapi/evtchn.h>
#include <kapi/grant.h>
#include <userspace/sim/toolstack.hpp>
#include <userspace/sim/world.hpp>

#include <xenpv/blkif.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace xenpv::sim {

class hand_back {
public:
	explicit hand_back(toolstack &tools);
	hand_back(const hand_back &) = delete;
	hand_back &operator=(const hand_back &) = delete;
	~hand_back();

	void set_state(int state) { tools_.set_back("state", std::to_string(state)); }
	// sectors, sector-size, info and what else is given.
	void publish(const std::vector<std::pair<std::string, std::string>> &more = {});
	// InitWait, waits for the frontend's ring, takes it; false when it does not come.
	[[nodiscard]] bool take_ring();
	// All of it: until the frontend is connected.
	[[nodiscard]] bool connect(const std::vector<std::pair<std::string, std::string>> &more = {});
	// Lets go of the ring and the channel, as a backend that ends does.
	void drop_ring();

	[[nodiscard]] std::atomic_ref<uint32_t> word(size_t i) const;
	// The next request; false when none comes in time.
	[[nodiscard]] bool take(blkif::request *out);
	// Requests taken from this ring.
	[[nodiscard]] uint32_t taken() const { return consumed_; }
	void answer(uint64_t id, uint8_t operation, int16_t status);
	// Makes answers visible, and sends an event.
	void push();
	void notify();
	[[nodiscard]] uint64_t events() const { return events_; }

	// Maps a frame of the frontend; status in the result.
	[[nodiscard]] kapi_map_op map(uint32_t gref, bool readonly);
	void unmap(kapi_map_op &op);

private:
	static void on_event(void *ctx);

	toolstack &tools_;
	domain &home_;
	void *ring_ = nullptr;
	kapi_evtchn *channel_ = nullptr;
	uint32_t consumed_ = 0;
	uint32_t produced_ = 0;
	std::atomic<uint64_t> events_{0};
};

} // namespace xenpv::sim
