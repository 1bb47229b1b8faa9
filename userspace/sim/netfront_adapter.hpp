// SPDX-License-Identifier: GPL-2.0-only
// In place of kernel/netfront*.c: an interface that a test sends and receives on.
#pragma once
#include <kapi/netfront.h>
#include <userspace/sim/net_buffer.hpp>
#include <userspace/sim/toolstack.hpp>
#include <userspace/sim/world.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace xenpv::sim {

// One packet to send, in the guest's pages; it must outlive its kapi_netfront_sent.
struct outgoing {
	static constexpr int pending = -1;

	explicit outgoing(const kapi_net_meta &meta = {});
	outgoing(const outgoing &) = delete;
	outgoing &operator=(const outgoing &) = delete;
	// A piece on a page of its own.  Grows meta.length.
	void add(uint32_t offset, uint32_t length, int filler = 0);
	void fill(const std::vector<std::byte> &bytes) { buffer.fill(bytes); }

	net_buffer buffer;
	kapi_net_packet packet{};
	std::atomic<int> sent{pending}; // then whether the backend took it
	std::atomic<int> completions{0};
};

} // namespace xenpv::sim

struct kapi_netfront {
public:
	explicit kapi_netfront(xenpv::sim::toolstack &tools);
	kapi_netfront(const kapi_netfront &) = delete;
	kapi_netfront &operator=(const kapi_netfront &) = delete;
	~kapi_netfront();

	// The driver binds to the device; 0 or what the engine said.
	[[nodiscard]] int probe();
	// It lets go; every packet and page must be back after that.
	void remove();
	void resume();
	[[nodiscard]] int set_queues(uint32_t queues);
	void set_rx_csum(bool blank_welcome);
	void set_event_distance(uint32_t tx, uint32_t rx);

	// --- as the stack: what xenpv_netfront_transmit said, or held_back: the queues are
	// paused, or there is no interface yet.
	static constexpr int held_back = -1000;
	[[nodiscard]] int transmit(uint32_t queue, xenpv::sim::outgoing &packet);
	void commit(uint32_t queue);
	[[nodiscard]] bool has_room(uint32_t queue);
	// Transmits until it is accepted, and commits; 0, or what transmit said last.
	int send(uint32_t queue, xenpv::sim::outgoing &packet);
	// Waits until it was sent: whether the backend took it, or pending.
	int wait(const xenpv::sim::outgoing &packet);
	[[nodiscard]] kapi_netfront_queue_stats stats(uint32_t queue);

	// --- NAPI: each queue has a thread that polls, unless a test does it.
	void poll_by_hand(bool by_hand);
	// One round of a queue that is scheduled: poll, rest, unmask.  False: it was not
	// scheduled, or is paused.
	bool pump(uint32_t queue);
	std::atomic<uint32_t> budget{64};
	// Each runs once, in the engine's call: between a poll's end and its unmask, before
	// the queues pause.  To be set while nothing is polled or paused.
	std::function<void()> before_unmask;
	std::function<void()> before_pause;
	// Runs in poll after each packet that was sent.
	std::function<void()> after_sent;

	struct history {
		std::vector<kapi_netfront_info> ready;
		std::vector<bool> links;
		uint32_t pauses = 0;
		uint32_t unpauses = 0;
		bool paused = true;
		uint64_t polls = 0;
		uint64_t schedules = 0;
		uint32_t pages = 0; // that the engine has
	};
	[[nodiscard]] history seen() const;
	// What arrived since the last time, in order for each queue.
	std::vector<xenpv::sim::arrival> take_arrived();
	[[nodiscard]] size_t arrived() const;

	// What kapi_netfront_held_back answers for every queue.
	std::atomic<bool> held_back_packets{false};
	// What kapi_netfront_ready answers, and what makes kapi_netfront_get_page fail.
	std::atomic<int> ready_result{0};
	xenpv::sim::countdown no_page;

	// The engine's side.
	int on_ready(const kapi_netfront_info &info);
	void on_pause();
	void on_unpause();
	void on_link(bool carrier);
	void on_schedule(uint32_t queue);
	void on_sent(uint32_t queue, void *cookie, bool ok);
	void on_receive(uint32_t queue, const kapi_net_received &packet);
	int on_get_page(bool clean, kapi_page *out);
	void on_put_page(void *page);

private:
	struct napi {
		bool scheduled = false;
		bool missed = false; // scheduled again while it ran
		bool running = false;
		uint32_t received = 0; // in this poll
		std::thread thread;
		std::mutex sending; // one transmitter per queue
	};
	[[nodiscard]] bool enter();
	void leave();
	[[nodiscard]] bool may_run(const napi &n) const;
	void serve(uint32_t queue);
	void run(uint32_t queue, std::unique_lock<std::mutex> &held);
	void pause_locked(std::unique_lock<std::mutex> &held);
	[[nodiscard]] bool from_poll_or_paused(uint32_t queue) const;
	void take_page_back(void *page, const char *otherwise);

	xenpv::sim::toolstack &tools_;
	xenpv::sim::domain &home_;
	xenpv_netfront *engine_ = nullptr;
	xenpv::sim::xenstore::watch_id watch_ = 0;
	mutable std::mutex mutex_;
	mutable std::mutex statistics_; // between remove() and stats()
	std::condition_variable changed_;
	uint32_t inside_ = 0; // transmit and commit
	bool made_ = false; // there is an interface
	bool gone_ = false; // paused for good
	bool by_hand_ = false;
	bool stop_ = false;
	std::set<void *> pages_;
	std::set<const void *> unsent_;
	std::vector<xenpv::sim::arrival> arrived_;
	std::array<napi, KAPI_NET_MAX_QUEUES> napi_;
	history seen_;
};
