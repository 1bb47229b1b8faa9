// SPDX-License-Identifier: GPL-2.0-only
// A frontend played by hand, honest or not: raw access to its ring page, its grants,
// its event channel and its directory.
#pragma once
#include <kapi/evtchn.h>
#include <userspace/sim/granted_page.hpp>
#include <userspace/sim/toolstack.hpp>
#include <userspace/sim/world.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace xenpv::sim {

class hand_front {
public:
	// The shape of a request on the wire.
	struct shape {
		const char *protocol; // nullptr: the key is not written
		uint32_t slot;
		uint32_t response; // bytes
		uint32_t id;
		uint32_t sector;
		uint32_t segments;
	};
	static constexpr shape wide{"x86_64-abi", 112, 16, 8, 16, 24};
	static constexpr shape narrow{"x86_32-abi", 108, 12, 4, 12, 20};
	static constexpr shape unsaid{nullptr, 108, 12, 4, 12, 20};

	struct segment {
		uint32_t gref;
		uint8_t first;
		uint8_t last;
	};
	struct request {
		uint8_t operation = 0;
		uint8_t nr_segments = 0;
		uint64_t id = 0;
		uint64_t sector = 0;
		segment segments[11] = {};
	};
	struct response {
		uint64_t id;
		uint8_t operation;
		int16_t status;
	};

	explicit hand_front(toolstack &tools, const shape &s = wide);
	hand_front(const hand_front &) = delete;
	hand_front &operator=(const hand_front &) = delete;
	~hand_front();

	// Writes ring-ref, event-channel, protocol; does not change the state.
	void publish();
	void set_state(int state) { tools_.set_front("state", std::to_string(state)); }
	// Publishes, says Initialised and waits for the backend; false when it does not come.
	[[nodiscard]] bool connect();

	// One word of the page: req_prod, req_event, rsp_prod, rsp_event, ... are 0, 1, 2, 3.
	[[nodiscard]] std::atomic_ref<uint32_t> word(size_t i) const;
	[[nodiscard]] std::byte *slot(uint32_t index) const;
	// Puts it in the next slot; nobody is told.
	void put(const request &r);
	// Makes what was put visible, and sends an event.
	void push();
	void notify();
	// The next response; false when none comes in time.
	[[nodiscard]] bool take(response *out);
	// put, push, take: the status, or -99 for none or one that does not belong to it.
	[[nodiscard]] int ask(const request &r);
	[[nodiscard]] uint64_t events() const { return events_; }
	[[nodiscard]] granted_page &ring() { return ring_; }
	[[nodiscard]] uint32_t port() const { return port_; }

private:
	toolstack &tools_;
	shape shape_;
	domain &home_;
	granted_page ring_;
	kapi_evtchn *channel_ = nullptr;
	uint32_t port_ = 0;
	uint32_t produced_ = 0;
	uint32_t consumed_ = 0;
	std::atomic<uint64_t> events_{0};
};

} // namespace xenpv::sim
