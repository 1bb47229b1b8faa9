// SPDX-License-Identifier: GPL-2.0-only
// A pair of rings, and the thread that serves them.
#pragma once
#include <evtchn/channel.hpp>
#include <kapi/time.h>
#include <kapi/worker.h>
#include <xen-back/net/linger.hpp>
#include <xen-back/net/rx.hpp>
#include <xen-back/net/terms.hpp>
#include <xen-back/net/tx.hpp>

#include <xenpv/guarded.hpp>

namespace xenpv::netback {

class queue {
public:
	queue(device &owner, uint32_t number) : owner_(owner), number_(number), tx_(owner, number), rx_(owner, number)
	{
	}
	queue(const queue &) = delete;
	queue &operator=(const queue &) = delete;
	~queue() { close(0); }

	// Maps the rings and begins to serve.  Process context.
	[[nodiscard]] result<void> open(kapi_xenbus *bus, const terms &agreed);
	// No transmit may run.  Ends the thread, and drops what is queued to the guest: that may
	// be what another queue waits for in its close.
	void halt();
	// After all queues that can have its packets were halted.  Waits until then for what the
	// stack holds.
	void close(uint64_t until_ns);

	// See xenpv_netback_transmit.
	[[nodiscard]] int transmit(void *cookie, const kapi_net_meta &meta, bool more);
	void commit();
	// What the thread waits for may have come.  Any context.
	void look_again() { wake(); }
	void read(kapi_netback_queue_stats &out) const;

private:
	struct sleeper {
		bool served = false; // the thread is there to be woken
		bool asleep = false; // and must be, to see anything
		uint64_t direct_ns = 0; // when a sender last copied by himself
	};
	// Packets to the guest that come closer together than this are gathered.
	static constexpr uint64_t close_ns = 100'000;

	static void on_tx_event(void *ctx);
	static void on_rx_event(void *ctx);
	static void on_timer(void *ctx);
	static void on_released(void *ctx);
	static void run(void *ctx, kapi_worker *self);
	void wake();
	void serve(kapi_worker *self);
	[[nodiscard]] bool pass();
	[[nodiscard]] bool rest();
	void watch_stall();
	// For a guest that has no buffers, at most patience_ms_.
	[[nodiscard]] unsigned int waited_ms() const;
	void tell_rx(bool wanted);
	[[nodiscard]] evtchn::channel &rx_channel() { return split_ ? rx_channel_ : tx_channel_; }
	void break_off();

	device &owner_;
	const uint32_t number_;
	kapi_xenbus *bus_ = nullptr;
	void *tx_addr_ = nullptr;
	void *rx_addr_ = nullptr;
	bool split_ = false;
	unsigned int patience_ms_ = 0; // with a guest that takes nothing
	tx_side tx_;
	rx_side rx_;
	// Of who transmits:
	bool announced_ = false; // packets are queued, and nobody was told yet
	// Of the thread:
	linger linger_;
	bool broken_ = false;
	uint32_t slots_ = 0; // since the last nap or sleep
	uint64_t throttled_ns_ = 0; // until the guest may send again
	uint64_t stalled_ns_ = 0; // since when the guest has no buffers for all; 0: it has
	uint32_t behind_ = 0; // packets that it has to take before patience begins anew

	guarded<sleeper> sleeper_;
	kapi_delayed *stall_ = nullptr; // see whether the guest takes packets now
	kapi_delayed *later_ = nullptr; // there is credit again, or released pages are free
	kapi_worker *worker_ = nullptr;
	counter passes_; // looks at the rings that found something
	counter wakeups_;
	counter naps_;
	spinlock telling_; // the channel's counts, between senders and the thread
	evtchn::channel tx_channel_; // of both directions when the channels are not split
	evtchn::channel rx_channel_;
};

} // namespace xenpv::netback
