// SPDX-License-Identifier: GPL-2.0-only
#include <userspace/sim/world.hpp>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace xenpv::sim {
namespace {

world *the_world = nullptr;

} // namespace

world::world()
{
	if (the_world != nullptr)
		throw std::logic_error("there is a world already");
	the_world = this;
}

world::~world()
{
	domains_.clear();
	the_world = nullptr;
}

world &world::get()
{
	return *the_world;
}

domain &world::domain(uint32_t id)
{
	const std::lock_guard held(mutex_);
	auto &d = domains_[id];
	if (!d)
		d = std::make_unique<sim::domain>(id);
	return *d;
}

domain *world::find(uint32_t id)
{
	const std::lock_guard held(mutex_);
	const auto at = domains_.find(id);
	return at == domains_.end() ? nullptr : at->second.get();
}

void world::settle()
{
	// One's callback may be the cause of another's.
	for (bool worked = true; worked;) {
		worked = false;
		for (const auto &[id, d] : domains_)
			worked |= d->settle();
		worked |= clock_.settle();
		for (; stopping_ != 0; worked = true)
			std::this_thread::sleep_for(std::chrono::microseconds(100));
	}
}

} // namespace xenpv::sim
