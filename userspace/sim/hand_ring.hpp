// SPDX-License-Identifier: GPL-2.0-only
// One end of a ring played by hand: every word of the page, and slots of any content.
#pragma once
#include <kapi/evtchn.h>
#include <userspace/sim/soon.hpp>
#include <userspace/sim/world.hpp>

#include <xenpv/ring.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace xenpv::sim {

// An event channel's end that counts what it hears.
class hand_channel {
public:
	explicit hand_channel(domain &home) : home_(home) {}
	hand_channel(const hand_channel &) = delete;
	hand_channel &operator=(const hand_channel &) = delete;
	~hand_channel();

	// A frontend's: its port.
	[[nodiscard]] uint32_t allocate(kapi_xenbus &bus);
	// A backend's; false when the port is not for us.
	[[nodiscard]] bool bind(kapi_xenbus &bus, uint32_t port);
	void notify();
	[[nodiscard]] uint64_t events() const { return events_; }

private:
	static void on_event(void *ctx);

	domain &home_;
	kapi_evtchn *channel_ = nullptr;
	std::atomic<uint64_t> events_{0};
};

class hand_ring {
public:
	enum class role { front, back };

	// Slots of 4 to 16 bytes; `slots` is a power of two.
	hand_ring(role r, void *page, uint32_t slot_bytes, uint32_t slots, hand_channel &channel)
		: role_(r), page_(page), stride_(slot_bytes), slots_(slots), channel_(channel)
	{
	}

	// req_prod, req_event, rsp_prod, rsp_event, ... are 0, 1, 2, 3.
	[[nodiscard]] std::atomic_ref<uint32_t> word(size_t i) const
	{
		return std::atomic_ref(*(static_cast<uint32_t *>(page_) + i));
	}
	[[nodiscard]] std::atomic_ref<uint32_t> producer() const { return word(role_ == role::front ? 0 : 2); }
	[[nodiscard]] std::atomic_ref<uint32_t> peer_producer() const { return word(role_ == role::front ? 2 : 0); }
	[[nodiscard]] std::atomic_ref<uint32_t> event() const { return word(role_ == role::front ? 3 : 1); }

	// What the peer made and was not taken.
	[[nodiscard]] uint32_t available() const { return peer_producer().load(std::memory_order_acquire) - taken_; }
	// Waits for `n` of them, asking for an event; false when they do not come.
	[[nodiscard]] bool expect(uint32_t n);

	// The next one, which a caller has seen or expects now.
	template <typename T>
	[[nodiscard]] bool take(T *out)
	{
		if (!expect(1))
			return false;
		read(taken_++, out, sizeof(T));
		return true;
	}
	// Fills the next slot; nobody is told.
	template <typename T>
	void put(const T &what)
	{
		write(made_++, &what, sizeof(T));
	}
	// Shows what was put; and sends an event.
	void show() { producer().store(made_, std::memory_order_release); }
	void push()
	{
		show();
		channel_.notify();
	}
	// As an honest end does: the event only when the peer asked for it; whether it did.
	bool push_if_asked()
	{
		const uint32_t before = producer();
		show();
		std::atomic_thread_fence(std::memory_order_seq_cst);
		const bool asked = event_crossed(word(role_ == role::front ? 1 : 3), before, made_);
		if (asked)
			notify();
		return asked;
	}
	void notify() { channel_.notify(); }
	[[nodiscard]] uint64_t events() const { return channel_.events(); }
	[[nodiscard]] uint32_t made() const { return made_; }
	[[nodiscard]] uint32_t taken() const { return taken_; }

	// Any slot, as it is.
	void read(uint32_t index, void *to, size_t bytes) const;
	void write(uint32_t index, const void *from, size_t bytes) const;

private:
	[[nodiscard]] size_t slot(uint32_t index) const { return (64 + size_t{index % slots_} * stride_) / 4; }

	role role_;
	void *page_;
	uint32_t stride_;
	uint32_t slots_;
	hand_channel &channel_;
	uint32_t made_ = 0;
	uint32_t taken_ = 0;
};

} // namespace xenpv::sim
