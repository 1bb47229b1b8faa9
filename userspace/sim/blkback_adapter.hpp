// SPDX-License-Identifier: GPL-2.0-only
// In place of kernel/blkback.c: the backend's driver bound to a device.
#pragma once
#include <kapi/blkback.h>
#include <userspace/sim/toolstack.hpp>
#include <userspace/sim/world.hpp>

#include <atomic>

namespace xenpv::sim {

class blkback_adapter {
public:
	explicit blkback_adapter(toolstack &tools);
	blkback_adapter(const blkback_adapter &) = delete;
	blkback_adapter &operator=(const blkback_adapter &) = delete;
	~blkback_adapter();

	[[nodiscard]] int probe();
	void remove();
	[[nodiscard]] kapi_blkback_stats stats();
	// The engine asked to be unregistered, and was.
	[[nodiscard]] bool unregistered() const { return unregistered_; }

private:
	void destroy();

	toolstack &tools_;
	domain &home_;
	std::mutex mutex_; // between destroy() and stats()
	xenpv_blkback *engine_ = nullptr;
	xenstore::watch_id front_watch_ = 0;
	xenstore::watch_id device_watch_ = 0;
	std::atomic<bool> unregistered_{false};
};

} // namespace xenpv::sim
