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
	// The driver is taken off the device.
	void remove();
	// The device's directory went away, and the bus removes it: in the thread of the
	// watches, as it does.  Returns when the driver has left it; what is in flight may
	// still be, until bury().
	void vanish();
	void bury();
	[[nodiscard]] kapi_blkback_stats stats();
	// The engine asked to be unregistered, and was.
	[[nodiscard]] bool unregistered() const { return unregistered_; }

	// The module's parameter of this name; 0: one for each CPU.
	static inline std::atomic<uint32_t> max_queues{0};

private:
	void destroy();
	void leave();

	toolstack &tools_;
	domain &home_;
	std::mutex mutex_; // between destroy() and stats()
	xenpv_blkback *engine_ = nullptr;
	xenpv_blkback *leaving_ = nullptr; // left by the bus, not yet destroyed
	xenstore::watch_id front_watch_ = 0;
	xenstore::watch_id device_watch_ = 0;
	std::atomic<bool> unregistered_{false};
};

} // namespace xenpv::sim
