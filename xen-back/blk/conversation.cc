// SPDX-License-Identifier: GPL-2.0-only
// What a device does about its frontend's states, and when.
#include <xen-back/blk/device.hpp>

namespace xenpv::blkback {

void device::hotplug()
{
	hotplug_ran_.store(true, std::memory_order_relaxed);
	wake();
}

void device::frontend_changed()
{
	frontend_moved_.store(true, std::memory_order_relaxed);
	wake();
}

void device::frontend_broke_protocol()
{
	peer_broke_.store(true, std::memory_order_relaxed);
	wake();
}

// What was stored before is seen by the run that follows.
void device::wake()
{
	step_.with([](kapi_delayed *w) {
		if (w != nullptr)
			kapi_delayed_move(w, 0);
	});
}

// Looks again after a pause, which grows.
void device::wait_out(obstacle what)
{
	// A shorter wait is not worth a line in the log.
	constexpr uint32_t log_from_ms = 300;
	constexpr uint32_t max_ms = 1000;
	if (obstacle_ != what) {
		end_wait();
		mutex::guard held(lock_);
		obstacle_ = what;
		obstacle_since_ns_ = kapi_now_ns();
		pause_ms_ = 10;
	}
	if (pause_ms_ >= log_from_ms && !std::exchange(obstacle_logged_, true))
		log_.say(KAPI_WARN, "%s",
			 what == obstacle::claimed
				 ? "the device is in use here, by a mount, LVM or a program: tried until it is free"
				 : "writes of another guest to this device are out: waits until they are done");
	step_.with([this](kapi_delayed *w) {
		if (w != nullptr)
			kapi_delayed_schedule(w, pause_ms_);
	});
	pause_ms_ = pause_ms_ * 2 < max_ms ? pause_ms_ * 2 : max_ms;
}

void device::end_wait()
{
	if (std::exchange(obstacle_logged_, false))
		log_.say(KAPI_INFO, "%s after %llu ms",
			 disk_ == nullptr ? "the device is waited for no more" : "the device is free",
			 static_cast<unsigned long long>((kapi_now_ns() - obstacle_since_ns_) / 1'000'000));
	mutex::guard held(lock_);
	obstacle_ = obstacle::none;
}

// Runs once at a time, and again after any wake.
void device::step()
{
	if (phase_ == phase::closing) {
		if (!queues_stopped())
			return; // the last of them wakes us
		end_queues();
		enter(after_closing_);
		if (phase_ == phase::broken)
			enter(xenbus_state::closing);
		// What that queue's frontend did ends with it; where it is now decides.
		peer_broke_.store(false, std::memory_order_relaxed);
		frontend_moved_.store(true, std::memory_order_relaxed);
	}
	if (phase_ == phase::connected && peer_broke_.exchange(false, std::memory_order_relaxed))
		fail(err::protocol, "the frontend broke the ring protocol; re-attach the disk to recover");
	// What is noted while the queues close waits until they have.
	const auto free_to_act = [this] { return phase_ != phase::closing && phase_ != phase::gone; };
	if (free_to_act() && frontend_moved_.exchange(false, std::memory_order_relaxed))
		follow(frontend_state());
	if (free_to_act() &&
	    (hotplug_ran_.exchange(false, std::memory_order_relaxed) || obstacle_ == obstacle::claimed))
		find_disk();
	if (obstacle_ == obstacle::requests_out)
		try_connect();
	if (phase_ == phase::connected)
		publish_new_capacity();
}

void device::follow(xenbus_state state)
{
	switch (state) {
	case xenbus_state::initialising:
		// It starts over: after a close, after it broke off, or so soon after a close
		// that only this was seen of it.
		if (phase_ == phase::waiting) {
			// What is in xenstore may be an earlier driver's word, to a frontend that
			// was still connected when this one came.
			enter(xenbus_state::init_wait);
			break;
		}
		if (!disconnected(phase::closed))
			break;
		enter(phase::waiting);
		enter(xenbus_state::init_wait);
		// It may have been in somebody's use when it was first looked for.
		if (disk_ == nullptr)
			find_disk();
		break;
	case xenbus_state::initialised:
	case xenbus_state::connected:
		// It came back before we were done with its leaving.
		if (phase_ == phase::closed)
			enter(phase::waiting);
		try_connect();
		break;
	case xenbus_state::closing:
		if (disconnected(phase::closed))
			enter(xenbus_state::closing);
		break;
	case xenbus_state::closed:
		if (!disconnected(phase::closed))
			break;
		if (kapi_xenbus_online(bus_)) {
			enter(xenbus_state::closed);
			break;
		}
		// Closed tells the toolstack to dismantle what is behind the disk.
		close_disk();
		enter(xenbus_state::closed);
		[[fallthrough]];
	case xenbus_state::unknown:
		// Only without I/O in flight: whoever takes the device away must not wait.
		if (!disconnected(phase::closed))
			break;
		close_disk();
		enter(phase::gone);
		kapi_blkback_unregister(bus_);
		break;
	default:
		log_.say(KAPI_ERROR, "xenstore key state: the frontend went to %d", static_cast<int>(state));
		break;
	}
}

// True: no queue is left, and the phase is `next`.  Else the queues are on their way,
// step() goes on when they have stopped, and the phase is `next` before it looks at
// the frontend again.
bool device::disconnected(phase next)
{
	end_wait();
	if (queue_count_ == 0) {
		enter(next);
		return true;
	}
	after_closing_ = next;
	enter(phase::closing);
	stop_queues();
	// In case none of them has a thread that would.
	wake();
	return false;
}

// The device stays, named broken, until the frontend starts over.
void device::fail(err e, const char *what)
{
	log_.fail(bus_, to_errno(e), what);
	if (disconnected(phase::broken))
		enter(xenbus_state::closing);
}

} // namespace xenpv::blkback
