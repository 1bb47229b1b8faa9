// SPDX-License-Identifier: GPL-2.0-only
// In place of kernel/netback*.c: a vif whose traffic a test sends and collects.
#pragma once
#include <kapi/netback.h>
#include <userspace/sim/held.hpp>
#include <userspace/sim/net_buffer.hpp>
#include <userspace/sim/toolstack.hpp>
#include <userspace/sim/world.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace xenpv::sim {

// One packet for the guest, in pages of domain 0; it must outlive its
// kapi_netback_done.
struct to_guest {
	static constexpr int pending = -1;

	explicit to_guest(const kapi_net_meta &meta = {});
	to_guest(const to_guest &) = delete;
	to_guest &operator=(const to_guest &) = delete;
	// A piece on a page of its own.  Grows meta.length.
	void add(uint32_t offset, uint32_t length, int filler = 0);
	void fill(const std::vector<std::byte> &bytes) { buffer.fill(bytes); }

	net_buffer buffer;
	// After the buffer's pieces: parts of frames that others granted to domain 0.
	std::vector<kapi_net_memory> granted;
	uint8_t destination[6] = {0x00, 0x16, 0x3e, 0x01, 0x02, 0x03};
	kapi_net_meta meta{};
	kapi_net_flow flow{}; // what its headers would say
	std::atomic<int> done{pending}; // then whether the guest has it
	std::atomic<int> completions{0};
	std::function<void()> when_done; // in whatever context that happens
};

} // namespace xenpv::sim

struct kapi_netback {
public:
	explicit kapi_netback(xenpv::sim::toolstack &tools);
	kapi_netback(const kapi_netback &) = delete;
	kapi_netback &operator=(const kapi_netback &) = delete;
	~kapi_netback();

	// The module's parameter of this name; 0: one for each CPU.
	static inline std::atomic<uint32_t> max_queues{0};

	[[nodiscard]] int probe();
	// Every packet must be back after that.
	void remove();
	// The engine asked to be unregistered, and was.
	[[nodiscard]] bool unregistered() const { return unregistered_; }
	[[nodiscard]] kapi_netback_queue_stats stats(uint32_t queue);

	// --- as the stack: what xenpv_netback_transmit said, or held_back: no carrier, or
	// the queue is stopped.
	static constexpr int held_back = -1000;
	[[nodiscard]] int transmit(uint32_t queue, xenpv::sim::to_guest &packet, bool more = false);
	// The queue the guest wants it on, or -ENOENT; as ndo_select_queue asks.
	[[nodiscard]] int steer(const xenpv::sim::to_guest &packet);
	// Nothing follows, though the last one said `more`.
	void commit(uint32_t queue);
	// Transmits until it is accepted; what transmit said last.
	int send(uint32_t queue, xenpv::sim::to_guest &packet, bool more = false);
	// Waits until it is done: whether the guest has it, or pending.
	int wait(const xenpv::sim::to_guest &packet);

	// --- memory for packets from the guest
	struct shape {
		uint32_t linear = 256; // bytes, in one page
		uint32_t linear_offset = 64;
		uint32_t piece = KAPI_PAGE_SIZE; // bytes of each further page
		uint32_t piece_offset = 0;
	};
	void set_shape(const shape &s);
	xenpv::sim::countdown no_memory; // kapi_netback_alloc

	// --- packets whose pages are the guest's
	enum class way {
		copied, // as a socket does
		passed_on, // as another guest's vif does
		kept, // until release(), in the queue of another guest
		at_device, // the same, and a device may read them
	};
	void set_way(way w) { way_ = w; }
	[[nodiscard]] size_t kept() const;
	// What a kept packet's bytes are now; 0 is the oldest.
	[[nodiscard]] std::vector<std::byte> kept_bytes(size_t index) const;
	// As the stack does, in atomic context.
	void release(size_t index = 0, bool copied = false, std::chrono::milliseconds moment = {});
	// The packet is released, and its pages are somebody's who calls what this returns when he
	// needs them no more.
	[[nodiscard]] std::function<void()> release_without_pages(size_t index = 0);

	struct history {
		std::vector<kapi_netback_info> connected;
		uint32_t disconnected = 0;
		uint32_t allocated = 0;
		uint32_t delivered = 0;
		uint32_t discarded = 0;
		uint32_t flushes = 0;
		uint32_t wakes = 0;
		bool carrier = false;
		std::array<bool, KAPI_NET_MAX_QUEUES> stopped{};
		size_t owed = 0; // packets for the guest that are not done
	};
	[[nodiscard]] history seen() const;
	// What arrived from the guest since the last time, in order for each queue.
	std::vector<xenpv::sim::arrival> take_arrived();
	[[nodiscard]] size_t arrived() const;
	// Called by the engine's thread when it has handed over what it found, with nothing locked.
	std::function<void()> when_flushed;
	// What kapi_netback_connected answers.
	std::atomic<int> connected_result{0};

	// The engine's side.
	int on_connected(const kapi_netback_info &info);
	void on_disconnected();
	void on_describe(const void *cookie, kapi_net_layout *out);
	void on_done(uint32_t queue, void *cookie, bool ok);
	void on_wake(uint32_t queue);
	void *on_alloc(uint32_t queue, kapi_net_layout *layout);
	void *on_alloc_held(uint32_t queue, kapi_net_layout *layout, const kapi_net_holder &holder, void **held);
	void on_attach(uint32_t queue, void *cookie, void *page, uint32_t offset, uint32_t length);
	void on_deliver(uint32_t queue, void *cookie, const kapi_net_meta &meta);
	void on_discard(uint32_t queue, void *cookie);
	void on_flush(uint32_t queue);

private:
	struct arriving {
		explicit arriving(xenpv::sim::domain &home, uint32_t q) : buffer(home), queue(q) {}
		xenpv::sim::net_buffer buffer;
		uint32_t queue;
		std::shared_ptr<xenpv::sim::held> held; // its pages
	};
	void destroy();
	[[nodiscard]] std::shared_ptr<xenpv::sim::held> take_kept(size_t index);
	void check_queues_are_empty(const char *when);

	xenpv::sim::toolstack &tools_;
	xenpv::sim::domain &home_;
	mutable std::mutex statistics_; // between destroy() and stats()
	xenpv_netback *engine_ = nullptr;
	xenpv::sim::xenstore::watch_id front_watch_ = 0;
	xenpv::sim::xenstore::watch_id hotplug_watch_ = 0;
	xenpv::sim::xenstore::watch_id rate_watch_ = 0;
	xenpv::sim::xenstore::watch_id asked_watch_ = 0;
	std::atomic<bool> unregistered_{false};

	mutable std::mutex mutex_;
	std::condition_variable changed_;
	std::array<std::mutex, KAPI_NET_MAX_QUEUES> sending_; // one transmitter per queue
	uint32_t inside_ = 0;
	std::array<uint32_t, KAPI_NET_MAX_QUEUES> wakes_{};
	shape shape_;
	std::map<const void *, uint32_t> owed_; // packets for the guest, and their queues
	std::map<const void *, std::unique_ptr<arriving>> arriving_;
	std::array<std::vector<xenpv::sim::arrival>, KAPI_NET_MAX_QUEUES> delivered_; // until a flush
	std::array<std::vector<std::shared_ptr<xenpv::sim::held>>, KAPI_NET_MAX_QUEUES> held_; // until a flush
	std::vector<std::shared_ptr<xenpv::sim::held>> kept_;
	// All there ever were, so that a late use is told, not undefined.
	std::vector<std::shared_ptr<xenpv::sim::held>> ever_held_;
	std::atomic<way> way_{way::copied};
	std::vector<xenpv::sim::arrival> arrived_;
	history seen_;
};
