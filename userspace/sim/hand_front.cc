// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/hand_front.hpp>
#include <userspace/sim/soon.hpp>

#include <cstring>
#include <stdexcept>

namespace xenpv::sim {
namespace {

constexpr size_t header = 64;

} // namespace

hand_front::hand_front(toolstack &tools, const shape &s)
	: tools_(tools), shape_(s), home_(world::get().domain(tools.back.peer_domid)), ring_(home_)
{
	word(1) = 1;
	word(3) = 1;
	const as_domain inside(home_);
	const auto handler = [](void *ctx) {
		auto *self = static_cast<hand_front *>(ctx);
		++self->events_;
		kapi_evtchn_eoi(self->channel_, false);
	};
	if (kapi_evtchn_alloc(&tools.front, "by hand", -1, handler, this, &channel_, &port_) != 0)
		throw std::runtime_error("no channel");
}

hand_front::~hand_front()
{
	const as_domain inside(home_);
	kapi_evtchn_unbind(channel_);
}

void hand_front::publish()
{
	tools_.set_front("ring-ref", std::to_string(ring_.ref()));
	tools_.set_front("event-channel", std::to_string(port_));
	if (shape_.protocol != nullptr)
		tools_.set_front("protocol", shape_.protocol);
}

bool hand_front::connect()
{
	publish();
	set_state(3);
	if (!soon([this] { return tools_.back_state() >= 4; }) || tools_.back_state() != 4)
		return false;
	set_state(4);
	world::get().settle();
	return true;
}

std::atomic_ref<uint32_t> hand_front::word(size_t i) const
{
	return std::atomic_ref(*reinterpret_cast<uint32_t *>(ring_.bytes() + i * 4));
}

std::byte *hand_front::slot(uint32_t index) const
{
	return ring_.bytes() + header + size_t{index % 32} * shape_.slot;
}

void hand_front::put(const request &r)
{
	std::byte raw[112] = {};
	std::memcpy(raw, &r.operation, 1);
	std::memcpy(raw + 1, &r.nr_segments, 1);
	std::memcpy(raw + shape_.id, &r.id, 8);
	std::memcpy(raw + shape_.sector, &r.sector, 8);
	for (size_t i = 0; i < 11; ++i) {
		std::byte *to = raw + shape_.segments + i * 8;
		std::memcpy(to, &r.segments[i].gref, 4);
		std::memcpy(to + 4, &r.segments[i].first, 1);
		std::memcpy(to + 5, &r.segments[i].last, 1);
	}
	const size_t at = static_cast<size_t>(slot(produced_++) - ring_.bytes()) / 4;
	for (size_t i = 0; i < shape_.slot / 4; ++i) {
		uint32_t w;
		std::memcpy(&w, raw + i * 4, 4);
		word(at + i).store(w, std::memory_order_relaxed);
	}
}

void hand_front::push()
{
	word(0).store(produced_, std::memory_order_release);
	notify();
}

void hand_front::notify()
{
	const as_domain inside(home_);
	kapi_evtchn_notify(channel_);
}

bool hand_front::take(response *out)
{
	if (!soon([this] { return word(2).load(std::memory_order_acquire) != consumed_; }))
		return false;
	const size_t at = static_cast<size_t>(slot(consumed_++) - ring_.bytes()) / 4;
	std::byte raw[16];
	for (size_t i = 0; i < 4; ++i) {
		const uint32_t w = word(at + i).load(std::memory_order_relaxed);
		std::memcpy(raw + i * 4, &w, 4);
	}
	std::memcpy(&out->id, raw, 8);
	std::memcpy(&out->operation, raw + 8, 1);
	std::memcpy(&out->status, raw + 10, 2);
	return true;
}

int hand_front::ask(const request &r)
{
	constexpr int nothing = -99;
	put(r);
	push();
	response answer{};
	return take(&answer) && answer.id == r.id && answer.operation == r.operation ? answer.status : nothing;
}

} // namespace xenpv::sim
