// SPDX-License-Identifier: GPL-2.0-only
// A backend that stops answering: who finds out, and what the link says then.
//
// The network stack has a watchdog too, but with one the kernel warns of a driver's fault,
// while here the other domain is at fault.
#include <xen-front/net/device.hpp>

namespace xenpv::netfront {

namespace {
constexpr unsigned int interval_ms = 1000;
constexpr uint64_t second_ns = 1'000'000'000;
} // namespace

void device::sent_something()
{
	if (watching_.load(std::memory_order_relaxed) || watching_.exchange(true, std::memory_order_relaxed))
		return;
	kapi_delayed_schedule(watch_, interval_ms);
}

// Runs as long as answers are awaited.
void device::look_for_answers(void *ctx)
{
	auto *self = static_cast<device *>(ctx);
	mutex::guard held(self->lock_);
	// Before the look, which takes the lock that sends take: one of the two sees the other.
	self->watching_.store(false, std::memory_order_relaxed);
	if (self->phase_ == phase::connected && self->look_at_queues())
		self->sent_something();
}

// True: there is something to wait for.
bool device::look_at_queues()
{
	const uint64_t now = kapi_now_ns();
	bool waits = false;
	bool stuck = false;
	bool answered = false;
	for (uint32_t i = 0; i < terms_.info.queues; ++i) {
		outlook o = queues_[i]->look();
		o.held_back = kapi_netfront_held_back(net_, i);
		// Their event is lost, or waits for an answer that the backend keeps: the room
		// they take and the senders they hold up need not.
		if (o.untaken)
			kapi_netfront_schedule(net_, i);
		queues_[i]->awaited().look(now, o);
		waits |= o.unanswered != 0;
		stuck |= queues_[i]->awaited().stalled();
		answered |= queues_[i]->awaited().answered_lately(now);
	}
	for (uint32_t i = 0; i < terms_.info.queues; ++i)
		report(*queues_[i], i, now, answered);
	// As long as any queue gets on, the link is not down.
	if (std::exchange(stalled_, stuck && !answered) != stalled_)
		tell_link();
	return waits;
}

void device::report(queue &q, uint32_t number, uint64_t now, bool others_work)
{
	const bool stalled = q.awaited().stalled();
	if (!q.stall_changed(stalled))
		return;
	if (!stalled) {
		log_.say(KAPI_INFO, "queue %u: the backend answers again", number);
		return;
	}
	log_.say(KAPI_WARN,
		 "queue %u: domain %u has answered none of %u slots for %u s%s: see to its backend, or rebind", number,
		 terms_.peer_domain, q.look().unanswered,
		 static_cast<unsigned int>(q.awaited().age_ns(now) / second_ns), others_work ? "" : ", link down");
	// Should a notification or an event have been lost, this is one.
	q.kick();
}

void device::tell_link()
{
	kapi_netfront_link(net_, carrier_ && !stalled_);
}

} // namespace xenpv::netfront
