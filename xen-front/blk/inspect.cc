// SPDX-License-Identifier: GPL-2.0-only
// What debugfs shows of a disk: xenpv/<device>/blkfront.
#include <xen-front/blk/device.hpp>

#include <xenpv/show.hpp>

namespace xenpv::blkfront {
namespace {

const char *name_of(phase p)
{
	switch (p) {
	case phase::disconnected:
		return "disconnected";
	case phase::offered:
		return "offered";
	case phase::connected:
		return "connected";
	case phase::broken:
		return "broken";
	case phase::closed:
		return "closed";
	}
	return "?";
}

} // namespace

void device::show(void *ctx, kapi_text *out)
{
	auto *self = static_cast<device *>(ctx);
	mutex::guard held(self->lock_);
	kapi_print(out, "state %s\nqueues %u\nsectors %llu\n", name_of(self->phase_), self->ring_count_,
		   static_cast<unsigned long long>(self->sectors_));
	for (uint32_t i = 0; i < self->queue_count_; ++i) {
		const queue &q = *self->queues_[i];
		const queue_counters &c = q.counters();
		const xenpv_channel_counters e = q.events();
		kapi_print(out, "queue %u\n", i);
		line(out, "requests", c.requests.get());
		line(out, "segments", c.segments.get());
		line(out, "bytes", c.bytes.get());
		line(out, "copied_bytes", c.copied_bytes.get());
		line(out, "pushes", c.pushes.get());
		line(out, "responses", c.responses.get());
		line(out, "passes", c.passes.get());
		line(out, "errors", c.errors.get());
		line(out, "no_room", c.no_room.get());
		line(out, "no_grant", c.no_grant.get());
		line(out, "handed_back", c.handed_back.get());
		line(out, "own_flushes", c.own_flushes.get());
		line(out, "notifications_sent", e.sent);
		line(out, "notifications_suppressed", e.suppressed);
		line(out, "events_received", e.received);
		line(out, "events_spurious", e.spurious);
	}
}

} // namespace xenpv::blkfront
