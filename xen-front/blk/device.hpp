// SPDX-License-Identifier: GPL-2.0-only
// A disk: its conversation with the backend over xenbus, and its queues.
#pragma once
#include <grant/account.hpp>
#include <kapi/blkfront.h>
#include <kapi/debugfs.h>
#include <kapi/time.h>
#include <kapi/xenbus.h>
#include <xen-front/blk/queue.hpp>
#include <xen-front/blk/terms.hpp>

#include <xenpv/owned.hpp>
#include <xenpv/reporter.hpp>
#include <xenpv/xenbus.hpp>

#include <atomic>

namespace xenpv::blkfront {

enum class phase : int {
	disconnected, // no rings
	offered, // rings made and published, the backend has not taken them
	connected, // requests flow
	broken, // the backend broke the protocol: rebinding the driver recovers
	closed, // the backend or the toolstack ended the device
};

class device {
public:
	device(kapi_xenbus *bus, kapi_blkfront *disk);
	device(const device &) = delete;
	device &operator=(const device &) = delete;
	~device();

	// Everything here: process context, serialised by the adapter, unless said.
	[[nodiscard]] result<void> open();
	void backend_changed(xenbus_state state);
	void resume();
	[[nodiscard]] bool serves();

	// Any context.
	void peer_broke_protocol();
	[[nodiscard]] bool broken() const { return broken_.load(std::memory_order_relaxed); }
	// That which serves a hardware context of the block layer's.
	[[nodiscard]] queue *queue_of(uint32_t context)
	{
		return context < queue_count_ ? queues_[context % ring_count_].get() : nullptr;
	}
	// There is room on that ring again.
	void wake(uint32_t ring);
	[[nodiscard]] kapi_blkfront *disk() const { return disk_; }
	[[nodiscard]] uint16_t handle() const { return handle_; }
	[[nodiscard]] reporter &log() { return log_; }

private:
	[[nodiscard]] result<void> offer_rings();
	[[nodiscard]] result<void> publish(const connection_terms &terms);
	[[nodiscard]] result<void> go_live();
	void reread_capacity();
	void disconnect();
	void close(phase why);
	void fail(err e, const char *what);
	void enter(xenbus_state state) { kapi_xenbus_switch_state(bus_, static_cast<int>(state)); }
	static void break_later(void *ctx);
	static void resize_later(void *ctx);
	static void show(void *ctx, kapi_text *out);

	kapi_xenbus *bus_;
	kapi_blkfront *disk_;
	reporter log_;
	mutex lock_; // between xenbus callbacks and break_later
	phase phase_ = phase::disconnected;
	std::atomic<bool> broken_{false};
	uint16_t handle_ = 0;
	uint64_t sectors_ = 0;
	uint64_t resized_ns_ = 0; // when the system was last told of another size
	kapi_delayed *breaker_ = nullptr;
	kapi_delayed *resizer_ = nullptr;
	kapi_file *file_ = nullptr;
	grant::account account_;
	// One for each hardware context, made once.  Of these the first have rings, and serve the others' contexts too;
	// how many changes only while the disk is paused and no channel is open.
	uint32_t queue_count_ = 0;
	uint32_t ring_count_ = 1;
	owned<queue> queues_[KAPI_BLK_MAX_QUEUES];
};

} // namespace xenpv::blkfront
