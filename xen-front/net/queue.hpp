// SPDX-License-Identifier: GPL-2.0-only
// A pair of rings with its one or two event channels, and the poll that serves both.
#pragma once
#include <evtchn/channel.hpp>
#include <kapi/time.h>
#include <xen-front/net/rx.hpp>
#include <xen-front/net/tx.hpp>

#include <xenpv/guarded.hpp>

#include <utility>

namespace xenpv::netfront {

class queue {
public:
	queue(device &owner, uint32_t number) : owner_(owner), number_(number), tx_(owner, number), rx_(owner, number)
	{
	}
	queue(const queue &) = delete;
	queue &operator=(const queue &) = delete;
	~queue();

	// New rings with buffers posted, and channels.  Process context, while no poll and
	// no transmit runs, like start and disconnect.
	[[nodiscard]] result<void> connect(kapi_xenbus *bus, const terms &t, grant::account &account);
	void start();
	void disconnect();

	// What the backend needs to know.
	[[nodiscard]] uint32_t tx_ref() const { return tx_.ring_ref(); }
	[[nodiscard]] uint32_t rx_ref() const { return rx_.ring_ref(); }
	[[nodiscard]] uint32_t tx_port() const { return tx_port_; }
	[[nodiscard]] uint32_t rx_port() const { return rx_port_; }

	// See kapi/netfront.h.
	[[nodiscard]] int transmit(const kapi_net_packet &packet);
	void commit();
	[[nodiscard]] bool has_room() { return tx_.has_room(); }
	[[nodiscard]] uint32_t poll(uint32_t budget);
	[[nodiscard]] bool rest();
	void unmask();

	void read(kapi_netfront_queue_stats &out) const;

	// Of the device's watch (watch.cc), under its lock.
	[[nodiscard]] outlook look() { return tx_.look(); }
	[[nodiscard]] progress &awaited() { return awaited_; }
	[[nodiscard]] bool stall_changed(bool stalled)
	{
		if (stalled && !stall_told_)
			stalls_.add();
		return std::exchange(stall_told_, stalled) != stalled;
	}
	// Tells the backend and polls, as if both had been told.
	void kick();

private:
	static void on_tx_event(void *ctx);
	static void on_rx_event(void *ctx);
	static void on_retry(void *ctx);
	[[nodiscard]] evtchn::channel &rx_channel() { return split_ ? rx_channel_ : tx_channel_; }

	device &owner_;
	const uint32_t number_;
	bool split_ = false;
	bool live_ = false; // rings are there; written while nothing else runs
	bool delivered_ = false; // by the last poll
	uint32_t tx_port_ = 0;
	uint32_t rx_port_ = 0;
	tx_queue tx_;
	rx_queue rx_;
	progress awaited_;
	bool stall_told_ = false;
	counter stalls_; // how often the backend had stopped answering
	kapi_delayed *retry_ = nullptr; // when buffers could not be posted
	spinlock telling_; // the channel's counts, between transmit and poll
	evtchn::channel tx_channel_; // of both directions when the channels are not split
	evtchn::channel rx_channel_;
};

} // namespace xenpv::netfront
