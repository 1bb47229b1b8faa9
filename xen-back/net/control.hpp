// SPDX-License-Identifier: GPL-2.0-only
// The control ring: a guest's wishes about hashing (io/netif.h, "Control ring"; XSA-270).
#pragma once
#include <evtchn/channel.hpp>
#include <grant/abi.h>
#include <kapi/debugfs.h>
#include <kapi/time.h>
#include <xen-back/net/terms.hpp>

#include <xenpv/counter.hpp>
#include <xenpv/guarded.hpp>
#include <xenpv/netif.hpp>

namespace xenpv::netback {

class device;

// Served by work of its own, never by a queue's thread: what a guest wishes here may cost
// its own packets nothing.
class control {
public:
	explicit control(device &owner) : owner_(owner) {}
	control(const control &) = delete;
	control &operator=(const control &) = delete;
	~control() { close(); }

	// Maps the ring and begins to serve.  Process context.
	[[nodiscard]] result<void> open(kapi_xenbus *bus, const terms &agreed);
	// Process context; also what was opened halfway.
	void close();
	void show(kapi_text *out) const;

private:
	struct answer {
		netif::control_status status = netif::control_status::not_supported;
		uint32_t data = 0;
	};
	// Wishes are few.  A guest that never ends wishing gets so many served in a while.
	static constexpr uint32_t most_requests = 16;
	static constexpr unsigned int pause_ms = 1;

	static void on_event(void *ctx);
	static void run(void *ctx);
	void wake();
	void serve();
	[[nodiscard]] answer carry_out(const netif::taken_control &request);
	[[nodiscard]] answer set_key(const netif::taken_control &request);
	[[nodiscard]] answer set_mapping(const netif::taken_control &request);
	[[nodiscard]] bool fetch(peer<uint32_t> gref, uint32_t bytes);
	void break_off();

	device &owner_;
	kapi_xenbus *bus_ = nullptr;
	uint32_t peer_ = 0;
	void *addr_ = nullptr;
	kapi_page page_{}; // what the guest grants is copied here
	kapi_delayed *work_ = nullptr;
	guarded<bool> served_{false}; // the work may be scheduled
	evtchn::channel channel_;

	// Below: of the work.
	back_ring ring_;
	bool broken_ = false;
	xenpv_grant_costs costs_{};
	counter runs_;
	counter requests_;
	counter refused_; // answered with anything but success
	counter pushes_;
	counter copy_hypercalls_;
	counter copy_operations_;
};

} // namespace xenpv::netback
