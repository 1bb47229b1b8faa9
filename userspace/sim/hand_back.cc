// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/hand_back.hpp>
#include <userspace/sim/soon.hpp>

#include <cstring>

namespace xenpv::sim {
namespace {

constexpr size_t header = 64;

} // namespace

hand_back::hand_back(toolstack &tools) : tools_(tools), home_(world::get().domain(0)) {}

hand_back::~hand_back()
{
	drop_ring();
}

void hand_back::on_event(void *ctx)
{
	auto *self = static_cast<hand_back *>(ctx);
	++self->events_;
	kapi_evtchn_eoi(self->channel_, false);
}

void hand_back::publish(const std::vector<std::pair<std::string, std::string>> &more)
{
	tools_.set_back("sectors", "2048");
	tools_.set_back("sector-size", "512");
	tools_.set_back("info", "0");
	for (const auto &[key, value] : more)
		tools_.set_back(key, value);
}

bool hand_back::take_ring()
{
	set_state(2);
	if (!soon([this] { return tools_.front_state() >= 3; }) || tools_.front_state() != 3)
		return false;
	const as_domain inside(home_);
	const auto ref = static_cast<uint32_t>(std::stoul(tools_.front_key("ring-ref")));
	const auto port = static_cast<uint32_t>(std::stoul(tools_.front_key("event-channel")));
	consumed_ = produced_ = 0;
	return kapi_xenbus_map_ring(&tools_.back, ref, &ring_) == 0 &&
	       kapi_evtchn_bind(&tools_.back, port, "by hand", -1, &on_event, this, &channel_) == 0;
}

bool hand_back::connect(const std::vector<std::pair<std::string, std::string>> &more)
{
	if (!take_ring())
		return false;
	publish(more);
	set_state(4);
	world::get().settle();
	return tools_.front_state() == 4;
}

void hand_back::drop_ring()
{
	const as_domain inside(home_);
	// The handler uses it until it is unbound.
	if (channel_ != nullptr)
		kapi_evtchn_unbind(channel_);
	channel_ = nullptr;
	if (ring_ != nullptr)
		kapi_xenbus_unmap_ring(&tools_.back, std::exchange(ring_, nullptr));
}

std::atomic_ref<uint32_t> hand_back::word(size_t i) const
{
	return std::atomic_ref(*(static_cast<uint32_t *>(ring_) + i));
}

bool hand_back::take(blkif::request *out)
{
	word(1).store(consumed_ + 1);
	if (!soon([this] { return word(0).load(std::memory_order_acquire) != consumed_; }))
		return false;
	const size_t at = (header + size_t{consumed_++ % 32} * sizeof(*out)) / 4;
	for (size_t i = 0; i < sizeof(*out) / 4; ++i) {
		const uint32_t w = word(at + i).load(std::memory_order_relaxed);
		std::memcpy(reinterpret_cast<std::byte *>(out) + i * 4, &w, 4);
	}
	return true;
}

void hand_back::answer(uint64_t id, uint8_t operation, int16_t status)
{
	blkif::response raw{};
	raw.id = id;
	raw.operation = operation;
	raw.status = status;
	const size_t at = (header + size_t{produced_++ % 32} * sizeof(blkif::request)) / 4;
	for (size_t i = 0; i < sizeof(raw) / 4; ++i) {
		uint32_t w;
		std::memcpy(&w, reinterpret_cast<std::byte *>(&raw) + i * 4, 4);
		word(at + i).store(w, std::memory_order_relaxed);
	}
}

void hand_back::push()
{
	word(2).store(produced_, std::memory_order_release);
	notify();
}

void hand_back::notify()
{
	const as_domain inside(home_);
	kapi_evtchn_notify(channel_);
}

kapi_map_op hand_back::map(uint32_t gref, bool readonly)
{
	const as_domain inside(home_);
	kapi_map_op op{nullptr, gref, tools_.back.peer_domid, readonly, -1, 0, 0};
	if (kapi_foreign_pages_alloc(&op.page, 1) == 0)
		static_cast<void>(kapi_grant_map(&op, 1));
	return op;
}

void hand_back::unmap(kapi_map_op &op)
{
	const as_domain inside(home_);
	if (op.status == KAPI_GNTST_OKAY)
		static_cast<void>(kapi_grant_unmap(&op, 1));
	kapi_foreign_pages_free(&op.page, 1);
}

} // namespace xenpv::sim
