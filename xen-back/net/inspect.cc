// SPDX-License-Identifier: GPL-2.0-only
// What debugfs shows of an interface, xenpv/<device>/netback, and ethtool of its queues.
#include <xen-back/net/device.hpp>

#include <xenpv/show.hpp>

namespace xenpv::netback {
namespace {

const char *name_of(phase p)
{
	switch (p) {
	case phase::waiting:
		return "waiting";
	case phase::connected:
		return "connected";
	case phase::broken:
		return "broken";
	case phase::closed:
		return "closed";
	}
	return "?";
}

// The key itself is the guest's secret.
void show_hash(const flow_hash::state &s, kapi_text *out)
{
	kapi_print(out, "hash_algorithm %s\nhash_flags %u\nhash_key_bytes %u\nhash_mapping_size %u\nhash_mapping",
		   s.algorithm == netif::hash_algorithm::toeplitz ? "toeplitz" : "none", s.flags, s.key_bytes,
		   s.mapping_size);
	for (uint32_t i = 0; i < s.mapping_size; ++i)
		kapi_print(out, " %u", s.mapping[i]);
	kapi_print(out, "\n");
}

} // namespace

void control::show(kapi_text *out) const
{
	const xenpv_channel_counters c = channel_.counters();
	const auto count = [out](const char *name, uint64_t value) {
		kapi_print(out, "control_%s %llu\n", name, static_cast<unsigned long long>(value));
	};
	count("served", addr_ != nullptr ? 1 : 0);
	count("requests", requests_.get());
	count("refused", refused_.get());
	count("wakeups", runs_.get());
	count("pushes", pushes_.get());
	count("copy_hypercalls", copy_hypercalls_.get());
	count("copy_operations", copy_operations_.get());
	count("notifications_sent", c.sent);
	count("notifications_suppressed", c.suppressed);
	count("events_received", c.received);
	count("events_spurious", c.spurious);
}

void device::show(void *ctx, kapi_text *out)
{
	auto *self = static_cast<device *>(ctx);
	mutex::guard held(self->lock_);
	kapi_print(out, "state %s\nqueues %u\nplugged %u\n", name_of(self->phase_), self->queue_count_,
		   self->plugged_ ? 1 : 0);
	self->control_.show(out);
	show_hash(self->hash_.read(), out);
	for (uint32_t i = 0; i < self->queue_count_; ++i) {
		kapi_netback_queue_stats s{};
		self->queues_[i]->read(s);
		kapi_print(out, "queue %u\n", i);
		line(out, "tx_packets", s.tx_packets);
		line(out, "tx_bytes", s.tx_bytes);
		line(out, "tx_slots", s.tx_slots);
		line(out, "tx_errors", s.tx_errors);
		line(out, "tx_pushes", s.tx_pushes);
		line(out, "rx_packets", s.rx_packets);
		line(out, "rx_bytes", s.rx_bytes);
		line(out, "rx_slots", s.rx_slots);
		line(out, "rx_errors", s.rx_errors);
		line(out, "rx_dropped", s.rx_dropped);
		line(out, "rx_pushes", s.rx_pushes);
		line(out, "rx_direct", s.rx_direct);
		line(out, "passes", s.passes);
		line(out, "wakeups", s.wakeups);
		line(out, "naps", s.naps);
		line(out, "copy_hypercalls", s.copy_hypercalls);
		line(out, "copy_operations", s.copy_operations);
		line(out, "tx_copied_bytes", s.tx_copied_bytes);
		line(out, "tx_mapped", s.tx_mapped);
		line(out, "tx_mapped_in_vain", s.tx_mapped_in_vain);
		line(out, "tx_held", s.tx_held);
		line(out, "tx_replaced", s.tx_replaced);
		line(out, "tx_parked", s.tx_parked);
		line(out, "map_hypercalls", s.map_hypercalls);
		line(out, "map_operations", s.map_operations);
		line(out, "unmap_hypercalls", s.unmap_hypercalls);
		line(out, "unmap_operations", s.unmap_operations);
		line(out, "notifications_sent", s.notifications_sent);
		line(out, "notifications_suppressed", s.notifications_suppressed);
		line(out, "events_received", s.events_received);
		line(out, "events_spurious", s.events_spurious);
	}
}

void queue::read(kapi_netback_queue_stats &out) const
{
	const tx_counters &t = tx_.counters();
	const rx_counters &r = rx_.counters();
	const xenpv_channel_counters a = tx_channel_.counters();
	const xenpv_channel_counters b = rx_channel_.counters();
	out.tx_packets = t.packets.get();
	out.tx_bytes = t.bytes.get();
	out.tx_slots = t.slots.get();
	out.tx_errors = t.errors.get();
	out.tx_pushes = t.pushes.get();
	out.rx_packets = r.packets.get();
	out.rx_bytes = r.bytes.get();
	out.rx_slots = r.slots.get();
	out.rx_errors = r.errors.get();
	out.rx_dropped = r.dropped.get();
	out.rx_pushes = r.pushes.get();
	out.rx_direct = r.direct.get();
	out.passes = passes_.get();
	out.wakeups = wakeups_.get();
	out.naps = naps_.get();
	out.copy_hypercalls = t.copy_hypercalls.get() + r.copy_hypercalls.get();
	out.copy_operations = t.copy_operations.get() + r.copy_operations.get();
	const mapping &m = tx_.mapped();
	out.tx_copied_bytes = t.copied_bytes.get();
	out.tx_mapped = m.mapped.get();
	out.tx_mapped_in_vain = m.in_vain.get();
	out.tx_held = m.held.get();
	out.tx_replaced = m.replaced.get();
	out.tx_parked = m.parked.get();
	out.map_hypercalls = t.map_hypercalls.get();
	out.map_operations = t.map_operations.get();
	out.unmap_hypercalls = t.unmap_hypercalls.get();
	out.unmap_operations = t.unmap_operations.get();
	out.notifications_sent = a.sent + b.sent;
	out.notifications_suppressed = a.suppressed + b.suppressed;
	out.events_received = a.received + b.received;
	out.events_spurious = a.spurious + b.spurious;
}

} // namespace xenpv::netback
