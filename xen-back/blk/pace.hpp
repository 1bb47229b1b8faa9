// SPDX-License-Identifier: GPL-2.0-only
// When a queue's thread should look again instead of going to sleep.
//
// Sleeping costs both ends: the frontend a notification, this end an interrupt and
// a wakeup.  Polling costs CPU.  The thread polls for as long as a few wakeups cost
// on this machine, and only while the recent past says that it pays.
#pragma once
#include <cstdint>

namespace xenpv::blkback {

class pace {
public:
	static constexpr uint64_t longest_ns = 2'000'000;
	static constexpr uint64_t shortest_ns = 20'000;
	static constexpr uint64_t wakeups = 4;

	// The thread runs; it was signalled at `signalled_ns`.
	void woken(uint64_t now_ns, uint64_t signalled_ns)
	{
		if (signalled_ns == 0 || now_ns < signalled_ns)
			return;
		latency_ns_ = (latency_ns_ * 7 + (now_ns - signalled_ns)) / 8;
	}
	// Nothing is left to do.
	void idle(uint64_t now_ns)
	{
		if (idle_since_ns_ == 0)
			idle_since_ns_ = now_ns;
	}
	// Requests came.
	void busy(uint64_t now_ns)
	{
		if (idle_since_ns_ == 0)
			return;
		const bool soon = now_ns - idle_since_ns_ <= window_ns();
		history_ = static_cast<uint8_t>(history_ << 1 | (soon ? 1 : 0));
		idle_since_ns_ = 0;
	}
	// How long to poll when idle; 0: not at all, since half of the last eight times
	// the next request came too late.
	[[nodiscard]] uint64_t poll_ns() const { return pays() ? window_ns() : 0; }
	[[nodiscard]] uint64_t window_ns() const
	{
		const uint64_t w = latency_ns_ * wakeups;
		return w < shortest_ns ? shortest_ns : w > longest_ns ? longest_ns : w;
	}

private:
	[[nodiscard]] bool pays() const
	{
		uint32_t hits = 0;
		for (uint32_t h = history_; h != 0; h &= h - 1)
			++hits;
		return hits > 4;
	}

	uint64_t latency_ns_ = 0;
	uint64_t idle_since_ns_ = 0;
	uint8_t history_ = 0;
};

} // namespace xenpv::blkback
