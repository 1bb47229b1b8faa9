// SPDX-License-Identifier: GPL-2.0-only
// Devices on a bus like the kernel's: each with a lock, all with one thread of watches.
// What would be a deadlock there is counted here, and then let go.
#pragma once
#include "fake_bus.h"

#include <atomic>
#include <functional>
#include <memory>

extern "C" {
#include <unregister.h>
}

namespace xenpv::fake_bus {

class backend {
public:
	backend();
	backend(const backend &) = delete;
	backend &operator=(const backend &) = delete;
	~backend();

	// The driver comes, with its two watches; false: not to a dead device.
	[[nodiscard]] bool bind();
	// Somebody takes the driver off.
	void unbind();
	// The driver wants the device off the bus.
	void want_gone();
	// The directory goes: the bus unregisters it in the thread of the watches.
	void vanish();
	// For something that has nothing to do with drivers.
	void lock();
	void unlock();

	[[nodiscard]] bool on_bus() const;
	[[nodiscard]] bool bound() const;
	[[nodiscard]] int unregistered() const; // times

	struct core;

private:
	std::shared_ptr<core> core_;
};

// Runs once, when next a lock is tried, or after one that was is let go.
void before_next_trylock(std::function<void()> what);
void after_next_unlock(std::function<void()> what);
// Runs in the thread of the watches.
void in_xenwatch(std::function<void()> what);
// Waits until that thread has nothing to do.
void settle();
[[nodiscard]] int deadlocks();
[[nodiscard]] int watches();

} // namespace xenpv::fake_bus
