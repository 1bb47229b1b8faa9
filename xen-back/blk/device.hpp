// SPDX-License-Identifier: GPL-2.0-only
// A disk served to one frontend: its conversation over xenbus and its queues.
#pragma once
#include <grant/account.hpp>
#include <kapi/bdev.h>
#include <kapi/blkback.h>
#include <kapi/debugfs.h>
#include <kapi/time.h>
#include <kapi/xenbus.h>
#include <xen-back/blk/queue.hpp>
#include <xen-back/blk/terms.hpp>

#include <xenpv/guarded.hpp>
#include <xenpv/owned.hpp>
#include <xenpv/reporter.hpp>
#include <xenpv/text.hpp>
#include <xenpv/xenbus.hpp>

#include <atomic>

namespace xenpv::blkback {

enum class phase : int {
	waiting, // for the hotplug script, or for the frontend's rings
	connected, // serving
	broken, // the frontend broke the protocol; it may reconnect
	closed, // the frontend has left
};

class device {
public:
	explicit device(kapi_xenbus *bus) : bus_(bus), log_(kapi_xenbus_name(bus)) {}
	device(const device &) = delete;
	device &operator=(const device &) = delete;
	~device();

	// Process context; the lock inside serialises.
	[[nodiscard]] result<void> open();
	void hotplug();
	void frontend_changed(xenbus_state state);
	void add_stats(kapi_blkback_stats &out);

	// From a queue's thread.
	[[nodiscard]] disk_limits limits();
	void frontend_broke_protocol();
	[[nodiscard]] reporter &log() { return log_; }

private:
	void find_disk();
	[[nodiscard]] result<void> open_disk();
	[[nodiscard]] result<void> advertise();
	[[nodiscard]] result<void> connect();
	void try_connect();
	[[nodiscard]] result<void> publish_disk(bool rewrite_state);
	void disconnect();
	void fail(err e, const char *what);
	void enter(xenbus_state state) { kapi_xenbus_switch_state(bus_, static_cast<int>(state)); }
	[[nodiscard]] xenbus_state frontend_state() { return static_cast<xenbus_state>(kapi_xenbus_peer_state(bus_)); }
	static void later(void *ctx);
	static void show(void *ctx, kapi_text *out);

	kapi_xenbus *bus_;
	reporter log_;
	mutex lock_; // between xenbus callbacks, later() and readers
	phase phase_ = phase::waiting;
	bool readonly_ = true;
	bool cdrom_ = false;
	device_number number_{};
	kapi_bdev *disk_ = nullptr;
	kapi_delayed *later_ = nullptr;
	kapi_file *file_ = nullptr;
	std::atomic<uint64_t> published_sectors_{0};
	std::atomic<bool> peer_broke_{false};
	grant::account account_;
	kapi_blkback_stats past_{}; // of queues that are gone
	uint32_t queue_count_ = 0;
	owned<queue> queues_[most_queues];
};

} // namespace xenpv::blkback
