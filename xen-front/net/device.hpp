// SPDX-License-Identifier: GPL-2.0-only
// A network interface: its conversation with the backend over xenbus, and its queues.
#pragma once
#include <grant/account.hpp>
#include <kapi/debugfs.h>
#include <kapi/netfront.h>
#include <kapi/time.h>
#include <kapi/xenbus.h>
#include <xen-front/net/queue.hpp>
#include <xen-front/net/terms.hpp>

#include <xenpv/guarded.hpp>
#include <xenpv/owned.hpp>
#include <xenpv/reporter.hpp>
#include <xenpv/xenbus.hpp>

#include <atomic>

namespace xenpv::netfront {

enum class phase : int {
	disconnected, // no rings
	offered, // rings made and published, the backend has not taken them
	connected, // packets flow
	restarting, // closed by this end, to begin anew
	broken, // the backend broke the protocol: rebinding the driver recovers
	closed, // the backend or the toolstack ended the connection
};

class device {
public:
	device(kapi_xenbus *bus, kapi_netfront *net);
	device(const device &) = delete;
	device &operator=(const device &) = delete;
	~device();

	// Process context; the lock inside serialises.
	[[nodiscard]] result<void> open();
	void backend_changed(xenbus_state state);
	void resume();
	[[nodiscard]] result<void> set_queues(uint32_t count);
	void set_rx_csum(bool blank_welcome);

	// Any context.
	void peer_broke_protocol();
	// Answers are awaited.
	void sent_something();
	// After how many responses the backend is to send an event, where that many are
	// outstanding; 0 for transmit: about half of them.
	void set_event_distance(uint32_t tx, uint32_t rx)
	{
		tx_distance_.store(tx, std::memory_order_relaxed);
		rx_distance_.store(rx, std::memory_order_relaxed);
	}
	[[nodiscard]] uint32_t tx_distance() const { return tx_distance_.load(std::memory_order_relaxed); }
	[[nodiscard]] uint32_t rx_distance() const { return rx_distance_.load(std::memory_order_relaxed); }
	[[nodiscard]] bool broken() const { return broken_.load(std::memory_order_relaxed); }
	[[nodiscard]] queue *queue_at(uint32_t n)
	{
		return n < made_.load(std::memory_order_acquire) ? queues_[n].get() : nullptr;
	}
	[[nodiscard]] kapi_netfront *net() { return net_; }
	[[nodiscard]] reporter &log() { return log_; }

private:
	[[nodiscard]] result<void> offer_rings();
	[[nodiscard]] result<void> publish();
	[[nodiscard]] result<void> go_live();
	[[nodiscard]] uint32_t queues_wished_for() const;
	void disconnect();
	void close(phase why);
	void start_over();
	void end(phase why);
	void fail(err e, const char *what);
	void enter(xenbus_state state) { kapi_xenbus_switch_state(bus_, static_cast<int>(state)); }
	[[nodiscard]] bool look_at_queues();
	void report(queue &q, uint32_t number, uint64_t now, bool others_work);
	void tell_link();
	static void break_later(void *ctx);
	static void look_for_answers(void *ctx);
	static void show(void *ctx, kapi_text *out);

	kapi_xenbus *bus_;
	kapi_netfront *net_;
	reporter log_;
	mutex lock_; // between xenbus callbacks, ethtool, what is delayed, and readers
	phase phase_ = phase::disconnected;
	std::atomic<bool> broken_{false};
	terms terms_;
	bool carrier_ = true; // as the backend says
	bool stalled_ = false; // it has stopped answering
	std::atomic<bool> watching_{false}; // watch_ is to run
	std::atomic<uint32_t> tx_distance_{0};
	std::atomic<uint32_t> rx_distance_{1};
	uint32_t wanted_queues_ = 0; // 0: as many as there are CPUs
	bool blank_welcome_ = true; // packets may come with checksums to be filled in
	bool blank_offered_ = true; // when the keys were written
	kapi_delayed *breaker_ = nullptr;
	kapi_delayed *watch_ = nullptr;
	kapi_file *file_ = nullptr;
	grant::account account_;
	// Queues stay once they are made: statistics are read at any time.
	std::atomic<uint32_t> made_{0};
	owned<queue> queues_[KAPI_NET_MAX_QUEUES];
};

} // namespace xenpv::netfront
