// SPDX-License-Identifier: GPL-2.0-only
// A disk served to one frontend: its conversation over xenbus and its queues.
//
// All of the conversation is in one work of the device's own, step().  The thread of
// the watches serves every device of the machine, and a disk that stalls must stall its
// own guest only: what the watches and the queues notice is noted, and step() is woken.
// It waits for no I/O that a guest has in flight either: a connection ends by asking the
// queues' threads to stop, and the last of them wakes step() again, which then sees
// where the frontend has got to meanwhile.
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
	closing, // the queues take no more requests, and answer what they took
	broken, // the frontend broke the protocol; it may reconnect
	closed, // the frontend has left
	gone, // for good: the bus was asked to take the device away
};

// What keeps a disk from being served for now, and is looked at again and again.
enum class obstacle : int {
	none,
	claimed, // somebody in this domain has claimed the device
	requests_out, // another guest's writes to it may come later
};

class device {
public:
	explicit device(kapi_xenbus *bus) : bus_(bus), log_(kapi_xenbus_name(bus)) {}
	device(const device &) = delete;
	device &operator=(const device &) = delete;
	~device();

	// Process context, as all of these.
	[[nodiscard]] result<void> open();
	// These never wait: what is to be done is done in step().
	void hotplug();
	void frontend_changed();
	// The last call before the end: xenbus is left alone from here on, and the queues
	// are asked to stop.  Waits for step(), not for the queues.
	void leave();
	void add_stats(kapi_blkback_stats &out);

	// Whether requests are in flight, or on a ring, of a frontend that sends no more because it was destroyed or
	// is suspended: they may write yet.  True also while that is not known: the caller asks again until it is false.
	[[nodiscard]] bool may_still_write();

	// From a queue's thread.
	[[nodiscard]] disk_limits limits();
	void frontend_broke_protocol();
	void wake();
	[[nodiscard]] reporter &log() { return log_; }

private:
	void step();
	void follow(xenbus_state state);
	void find_disk();
	[[nodiscard]] result<void> open_disk();
	void close_disk();
	[[nodiscard]] result<void> advertise();
	[[nodiscard]] result<void> connect();
	[[nodiscard]] result<void> open_queues(const terms &agreed);
	void try_connect();
	void wait_out(obstacle what);
	void end_wait();
	[[nodiscard]] result<void> publish_disk(bool rewrite_state);
	void publish_new_capacity();
	[[nodiscard]] bool disconnected(phase next);
	void stop_queues();
	[[nodiscard]] bool queues_stopped() const;
	void end_queues();
	void enter(phase p);
	void fail(err e, const char *what);
	void enter(xenbus_state state) { kapi_xenbus_switch_state(bus_, static_cast<int>(state)); }
	[[nodiscard]] xenbus_state frontend_state() { return static_cast<xenbus_state>(kapi_xenbus_peer_state(bus_)); }
	static void show(void *ctx, kapi_text *out);

	kapi_xenbus *bus_;
	reporter log_;
	mutex lock_; // what readers look at (phase_, queues_, past_) changes under it
	phase phase_ = phase::waiting;
	phase after_closing_ = phase::closed;
	bool readonly_ = true;
	bool cdrom_ = false;
	obstacle obstacle_ = obstacle::none;
	uint64_t obstacle_since_ns_ = 0;
	bool obstacle_logged_ = false;
	uint32_t pause_ms_ = 0; // until the next look
	uint64_t asked_ns_ = 0; // when may_still_write() was last asked
	uint64_t requests_at_ask_ = 0; // requests, when it was first asked
	device_number number_{};
	kapi_bdev *disk_ = nullptr;
	guarded<kapi_delayed *> step_{nullptr}; // no more once the device is left
	// What step() is to look at.
	std::atomic<bool> frontend_moved_{false};
	std::atomic<bool> hotplug_ran_{false};
	std::atomic<bool> peer_broke_{false};
	kapi_file *file_ = nullptr;
	std::atomic<uint64_t> published_sectors_{0};
	grant::account account_;
	kapi_blkback_stats past_{}; // of queues that are gone
	uint32_t queue_count_ = 0;
	owned<queue> queues_[most_queues];
};

} // namespace xenpv::blkback
