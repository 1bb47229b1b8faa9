// SPDX-License-Identifier: GPL-2.0-only
// What debugfs shows of an interface: xenpv/<device>/netfront.
#include <xen-front/net/device.hpp>

#include <xenpv/show.hpp>

namespace xenpv::netfront {
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
	case phase::restarting:
		return "restarting";
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
	const terms &t = self->terms_;
	kapi_print(out, "state %s\nqueues %u\nmax_queues %u\nsplit_channels %u\ntrusted %u\nfeatures %#x\nmtu %u\n",
		   name_of(self->phase_), t.info.queues, t.max_queues, t.split_channels ? 1 : 0, t.trusted ? 1 : 0,
		   t.info.features, t.info.mtu);
	kapi_print(out, "link %u\nstalled %u\n", self->carrier_ ? 1 : 0, self->stalled_ ? 1 : 0);
	for (uint32_t i = 0; i < t.info.queues; ++i) {
		kapi_netfront_queue_stats s{};
		if (self->queues_[i])
			self->queues_[i]->read(s);
		kapi_print(out, "queue %u\n", i);
		line(out, "tx_packets", s.tx_packets);
		line(out, "tx_bytes", s.tx_bytes);
		line(out, "tx_slots", s.tx_slots);
		line(out, "tx_errors", s.tx_errors);
		line(out, "tx_pushes", s.tx_pushes);
		line(out, "tx_copied", s.tx_copied);
		line(out, "tx_stalls", s.tx_stalls);
		line(out, "rx_packets", s.rx_packets);
		line(out, "rx_bytes", s.rx_bytes);
		line(out, "rx_slots", s.rx_slots);
		line(out, "rx_errors", s.rx_errors);
		line(out, "rx_pushes", s.rx_pushes);
		line(out, "rx_recycled", s.rx_recycled);
		line(out, "rx_no_page", s.rx_no_page);
		line(out, "notifications_sent", s.notifications_sent);
		line(out, "notifications_suppressed", s.notifications_suppressed);
		line(out, "events_received", s.events_received);
		line(out, "events_spurious", s.events_spurious);
	}
}

} // namespace xenpv::netfront
