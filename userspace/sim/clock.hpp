// SPDX-License-Identifier: GPL-2.0-only
// The world's time: the machine's, which a test may push forward.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>

struct kapi_delayed;

namespace xenpv::sim {

class clock {
public:
	[[nodiscard]] uint64_t now_ns();
	// What is due by then becomes due now.
	void advance(std::chrono::nanoseconds by);
	// From now on time stands still but for pushes, however slow the machine is.
	void stop();
	// From now on a sleep pushes time forward instead of waiting for it.
	void skip_sleeps();
	void sleep(std::chrono::nanoseconds time);
	// Waits until no delayed work runs or is due; true when there was some.
	bool settle();

private:
	friend struct timer_access;
	[[nodiscard]] std::chrono::nanoseconds now_locked() const;

	std::mutex mutex_;
	std::condition_variable moved_;
	std::chrono::nanoseconds pushed_{0};
	std::optional<std::chrono::nanoseconds> stopped_;
	bool skip_ = false;
	std::set<kapi_delayed *> works_;
};

} // namespace xenpv::sim
