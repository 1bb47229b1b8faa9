// SPDX-License-Identifier: GPL-2.0-only
// An interface served to one frontend: its conversation over xenbus and its queues.
#pragma once
#include <grant/account.hpp>
#include <kapi/debugfs.h>
#include <kapi/netback.h>
#include <kapi/time.h>
#include <kapi/xenbus.h>
#include <xen-back/net/control.hpp>
#include <xen-back/net/credit.hpp>
#include <xen-back/net/hash.hpp>
#include <xen-back/net/multicast.hpp>
#include <xen-back/net/queue.hpp>
#include <xen-back/net/terms.hpp>

#include <xenpv/guarded.hpp>
#include <xenpv/owned.hpp>
#include <xenpv/reporter.hpp>
#include <xenpv/xenbus.hpp>

#include <atomic>

namespace xenpv::netback {

enum class phase : int {
	waiting, // for the hotplug script, or for the frontend's rings
	connected, // serving
	broken, // the frontend broke the protocol; it may reconnect
	closed, // the frontend has left
};

class device {
public:
	device(kapi_xenbus *bus, kapi_netback *net) : bus_(bus), net_(net), log_(kapi_xenbus_name(bus)), control_(*this)
	{
	}
	device(const device &) = delete;
	device &operator=(const device &) = delete;
	~device();

	// Process context; the lock inside serialises.
	[[nodiscard]] result<void> open();
	void own_changed();
	void frontend_asked();
	void frontend_changed(xenbus_state state);

	// Any context.
	void frontend_broke_protocol();
	[[nodiscard]] queue *queue_at(uint32_t n)
	{
		return n < made_.load(std::memory_order_acquire) ? queues_[n].get() : nullptr;
	}
	[[nodiscard]] kapi_netback *net() { return net_; }
	[[nodiscard]] credit &rate_limit() { return credit_; }
	[[nodiscard]] multicast_filter &groups() { return groups_; }
	[[nodiscard]] flow_hash &hash() { return hash_; }
	[[nodiscard]] reporter &log() { return log_; }
	[[nodiscard]] const grant::account &account() const { return account_; }

private:
	[[nodiscard]] result<void> advertise();
	void read_rate();
	[[nodiscard]] bool read_plugged();
	void try_connect();
	[[nodiscard]] result<void> connect();
	void disconnect(uint64_t patience_ns = mapping::patience_ns);
	void leave_rings();
	void fail(err e, const char *what);
	void enter(xenbus_state state) { kapi_xenbus_switch_state(bus_, static_cast<int>(state)); }
	[[nodiscard]] xenbus_state frontend_state() { return static_cast<xenbus_state>(kapi_xenbus_peer_state(bus_)); }
	static void break_later(void *ctx);
	static void show(void *ctx, kapi_text *out);

	kapi_xenbus *bus_;
	kapi_netback *net_;
	reporter log_;
	grant::account account_;
	mutex lock_; // between xenbus callbacks, break_later and readers
	phase phase_ = phase::waiting;
	bool plugged_ = false; // the toolstack has put the interface where it belongs
	// The frontend was connected before this driver came: where its interface belongs was
	// settled with another one.
	bool inherited_ = false;
	uint32_t queue_count_ = 0; // in use
	credit credit_;
	rate rate_; // that it was set to
	multicast_filter groups_;
	flow_hash hash_;
	control control_;
	kapi_delayed *breaker_ = nullptr;
	kapi_file *file_ = nullptr;
	// Queues stay once they are made: statistics are read at any time.
	std::atomic<uint32_t> made_{0};
	owned<queue> queues_[KAPI_NET_MAX_QUEUES];
};

} // namespace xenpv::netback
