// SPDX-License-Identifier: GPL-2.0-only
#include <kapi/evtchn.h>
#include <userspace/sim/blkback_adapter.hpp>

#include <utility>

namespace xenpv::sim {

blkback_adapter::blkback_adapter(toolstack &tools) : tools_(tools), home_(world::get().domain(0)) {}

blkback_adapter::~blkback_adapter()
{
	remove();
}

int blkback_adapter::probe()
{
	tools_.back.unregister = [this] {
		// Asynchronously, as the kernel does: the engine is still in a callback.
		home_.post([this] {
			destroy();
			unregistered_ = true;
		});
	};
	unregistered_ = false;
	{
		const as_domain inside(home_);
		if (const int rc = xenpv_blkback_create(&tools_.back, &engine_); rc != 0)
			return rc;
	}
	auto &store = world::get().store();
	device_watch_ = store.watch(home_, tools_.back.own + "/physical-device", [this] {
		if (engine_ != nullptr)
			xenpv_blkback_hotplug(engine_);
	});
	front_watch_ = store.watch(home_, tools_.front.own + "/state", [this] {
		if (engine_ != nullptr)
			xenpv_blkback_frontend_changed(engine_);
	});
	return 0;
}

void blkback_adapter::destroy()
{
	const as_domain inside(home_);
	const std::lock_guard held(mutex_);
	if (engine_ != nullptr)
		xenpv_blkback_destroy(std::exchange(engine_, nullptr));
}

void blkback_adapter::remove()
{
	auto &store = world::get().store();
	store.unwatch(front_watch_);
	store.unwatch(device_watch_);
	home_.settle();
	destroy();
	bury();
}

void blkback_adapter::vanish()
{
	auto &store = world::get().store();
	store.unwatch(front_watch_);
	store.unwatch(device_watch_);
	home_.post([this] { leave(); });
	home_.settle();
}

void blkback_adapter::leave()
{
	const std::lock_guard held(mutex_);
	if (engine_ == nullptr)
		return;
	xenpv_blkback_leave(engine_);
	leaving_ = std::exchange(engine_, nullptr);
}

void blkback_adapter::bury()
{
	const as_domain inside(home_);
	if (leaving_ != nullptr)
		xenpv_blkback_destroy(std::exchange(leaving_, nullptr));
}

kapi_blkback_stats blkback_adapter::stats()
{
	const std::lock_guard held(mutex_);
	kapi_blkback_stats s{};
	if (engine_ != nullptr)
		xenpv_blkback_stats(engine_, &s);
	return s;
}

} // namespace xenpv::sim

void kapi_blkback_unregister(kapi_xenbus *bus)
{
	bus->unregister();
}

uint32_t kapi_blkback_max_queues()
{
	const uint32_t wanted = xenpv::sim::blkback_adapter::max_queues;
	return wanted != 0 ? wanted : kapi_cpu_count();
}
