// SPDX-License-Identifier: GPL-2.0-only
// What is shown of a served disk: debugfs xenpv/<device>/blkback, and the totals
// behind sysfs.
#include <xen-back/blk/device.hpp>

#include <xenpv/show.hpp>

namespace xenpv::blkback {
namespace {

const char *name_of(phase p)
{
	switch (p) {
	case phase::waiting:
		return "waiting";
	case phase::connected:
		return "connected";
	case phase::closing:
		return "closing";
	case phase::broken:
		return "broken";
	case phase::closed:
		return "closed";
	case phase::gone:
		return "gone";
	}
	return "?";
}

const char *name_of(obstacle o)
{
	return o == obstacle::claimed ? "device_in_use" : "requests_of_another_guest";
}

} // namespace

void queue::add_to(kapi_blkback_stats &out) const
{
	out.read_requests += counters_.reads.get();
	out.write_requests += counters_.writes.get();
	out.flush_requests += counters_.flushes.get();
	out.read_sectors += counters_.read_sectors.get();
	out.write_sectors += counters_.write_sectors.get();
	out.errors += counters_.errors.get();
}

void queue::print(kapi_text *out) const
{
	const queue_counters &c = counters_;
	const xenpv_channel_counters e = channel_.counters();
	kapi_print(out, "queue %u\n", number_);
	line(out, "requests", c.requests.get());
	line(out, "reads", c.reads.get());
	line(out, "writes", c.writes.get());
	line(out, "flushes", c.flushes.get());
	line(out, "read_sectors", c.read_sectors.get());
	line(out, "write_sectors", c.write_sectors.get());
	line(out, "errors", c.errors.get());
	line(out, "passes", c.passes.get());
	line(out, "pushes", c.pushes.get());
	line(out, "wakeups", c.wakeups.get());
	line(out, "naps", c.naps.get());
	line(out, "nap_ns", c.nap_ns.get());
	line(out, "gather_target", c.gather_target.get());
	line(out, "kept_frames", c.kept_frames.get());
	line(out, "map_hypercalls", c.map_hypercalls.get());
	line(out, "map_operations", c.map_operations.get());
	line(out, "unmap_hypercalls", c.unmap_hypercalls.get());
	line(out, "unmap_operations", c.unmap_operations.get());
	line(out, "notifications_sent", e.sent);
	line(out, "notifications_suppressed", e.suppressed);
	line(out, "events_received", e.received);
	line(out, "events_spurious", e.spurious);
}

void device::show(void *ctx, kapi_text *out)
{
	auto *self = static_cast<device *>(ctx);
	mutex::guard held(self->lock_);
	kapi_print(out, "state %s\nqueues %u\nsectors %llu\n", name_of(self->phase_), self->queue_count_,
		   static_cast<unsigned long long>(self->published_sectors_.load(std::memory_order_relaxed)));
	if (self->obstacle_ != obstacle::none)
		kapi_print(out, "waits_for %s\n", name_of(self->obstacle_));
	for (uint32_t i = 0; i < self->queue_count_; ++i)
		self->queues_[i]->print(out);
}

} // namespace xenpv::blkback
