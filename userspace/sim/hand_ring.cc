// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/hand_ring.hpp>

#include <stdexcept>

namespace xenpv::sim {

hand_channel::~hand_channel()
{
	const as_domain inside(home_);
	if (channel_ != nullptr)
		kapi_evtchn_unbind(channel_);
}

void hand_channel::on_event(void *ctx)
{
	auto *self = static_cast<hand_channel *>(ctx);
	++self->events_;
	kapi_evtchn_eoi(self->channel_, false);
}

uint32_t hand_channel::allocate(kapi_xenbus &bus)
{
	const as_domain inside(home_);
	uint32_t port = 0;
	if (kapi_evtchn_alloc(&bus, "by hand", -1, &on_event, this, &channel_, &port) != 0)
		throw std::runtime_error("no channel");
	return port;
}

bool hand_channel::bind(kapi_xenbus &bus, uint32_t port)
{
	const as_domain inside(home_);
	return kapi_evtchn_bind(&bus, port, "by hand", -1, &on_event, this, &channel_) == 0;
}

void hand_channel::notify()
{
	const as_domain inside(home_);
	kapi_evtchn_notify(channel_);
}

bool hand_ring::expect(uint32_t n)
{
	event().store(taken_ + n);
	return soon([this, n] { return available() >= n; });
}

void hand_ring::read(uint32_t index, void *to, size_t bytes) const
{
	for (size_t i = 0; i < bytes; i += 4) {
		const uint32_t w = word(slot(index) + i / 4).load(std::memory_order_relaxed);
		std::memcpy(static_cast<std::byte *>(to) + i, &w, 4);
	}
}

void hand_ring::write(uint32_t index, const void *from, size_t bytes) const
{
	for (size_t i = 0; i < bytes; i += 4) {
		uint32_t w;
		std::memcpy(&w, static_cast<const std::byte *>(from) + i, 4);
		word(slot(index) + i / 4).store(w, std::memory_order_relaxed);
	}
}

} // namespace xenpv::sim
